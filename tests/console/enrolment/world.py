"""A console with its keys and one relay, and a device that can enrol."""

from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from bedside.audit.entry import SYSTEM
from bedside.console.enrolment.actions import Enrolled, EnrolmentOffer, do_enrol, do_offer_enrolment
from bedside.console.enrolment.authority import create_authority
from bedside.console.enrolment.facts import DeviceFacts
from bedside.console.keys import key_store
from bedside.language import Language
from bedside.pki.device_keys import DeviceKeys, create_device_keys
from bedside.pki.keystore import KeyName
from bedside.pki.requests import build_enrolment_request, build_renewal_request
from bedside.pki.sealing import message_info, unseal
from bedside.pki.signing import key_id, open_envelope
from bedside.protocol.enrolment import parse_enrolment_code
from bedside.protocol.shapes import Site
from bedside.vocabulary import DeviceId
from tests.console.relays.world import DEVICE, NOW, add_relays

__all__ = ["DEVICE", "NOW", "Device", "facts", "make_console", "offer"]


def make_console(settings, folder: Path) -> None:
    settings.BEDSIDE_DATA_DIR = folder
    create_authority(name="Bayard Imaging", now=NOW)
    add_relays("a", "b")


def facts(device: str = DEVICE, **more) -> DeviceFacts:
    site = Site(
        id="notre-dame",
        name="Hôpital Notre-Dame",
        language=Language.FRENCH,
        timezone="America/Toronto",
        country="CA",
    )
    return DeviceFacts(
        device=DeviceId(device),
        display_name="Injector, room 3",
        product="contrast-injector",
        site=site,
        **more,
    )


def offer(device: str = DEVICE, now: int = NOW) -> EnrolmentOffer:
    return do_offer_enrolment(facts(device), actor=SYSTEM, now=now)


@dataclass
class Device:
    """What a device does at enrolment, with real keys in a folder."""

    folder: Path
    keys: DeviceKeys
    name: DeviceId

    @classmethod
    def born(cls, folder: Path, name: str = DEVICE) -> "Device":
        folder.mkdir()
        return cls(folder, create_device_keys(folder), DeviceId(name))

    def request(self, code: str) -> bytes:
        return build_enrolment_request(self.keys.request, self.name, parse_enrolment_code(code))

    def renewal(self, old: "Device") -> bytes:
        return build_renewal_request(self.keys.request, self.name, old.keys.identity)

    def enrol(self, code: str, now: int = NOW) -> Enrolled:
        return do_enrol(self.request(code), address="192.0.2.7", now=now)

    def open(self, sealed: bytes, payload_type: str) -> bytes:
        """Return what the console sent: unsealed with the device's key, signed by the order key."""
        envelope = unseal(self.keys.sealing, sealed, info=message_info(self.name))
        order_key = key_store().public_key(KeyName.ORDER)
        return open_envelope(envelope, payload_type, {key_id(order_key): order_key}, limit=65536)


def uris(pem: str) -> list[str]:
    certificate = x509.load_pem_x509_certificate(pem.encode())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    return names.value.get_values_for_type(x509.UniformResourceIdentifier)
