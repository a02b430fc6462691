"""One valid object of each kind, to be bent in tests."""

from dataclasses import replace

from bedside.language import Language
from bedside.protocol.orders import (
    Consent,
    DeviceConfiguration,
    DeviceReport,
    EnrolmentBundle,
    Receipt,
    SessionOrder,
    Withdrawal,
)
from bedside.protocol.poll import Message, PollReply, PollRequest, Spans
from bedside.protocol.shapes import JournalHead, Person, Relay, Site
from bedside.protocol.site import Approval, Approver, SiteKeyHandOver, SitePolicy
from bedside.protocol.support import SupportContact
from bedside.protocol.windows import SingleWindow, WeeklyWindow
from bedside.vocabulary import (
    AccessKind,
    Activity,
    DeviceId,
    Ending,
    Gate,
    Level,
    MessageKind,
    Mode,
    PollMode,
    RelayName,
    SessionId,
    SiteAction,
    SiteRule,
)

NOW = 1_760_000_000_000
DEVICE = DeviceId("CI-20417")
SESSION = SessionId("01JABCDEFGHJKMNPQRSTVWXYZ0")
MESSAGE = "01JABCDEFGHJKMNPQRSTVWXYZ2"
HEAD = "5e" * 32
NOTE = "bedside.example/log\n12\nXl5eXg==\n\n— bedside.example/log AAAAAA==\n"
LINE_KEY = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTY="

PERSON = Person(
    id="01JABCDEFGHJKMNPQRSTVWXYZ1",
    name="Marie Tremblay",
    employer="Bayard Imaging",
    level=Level.TWO,
    country="US",
)
SITE = Site(
    id="notre-dame",
    name="Hôpital Notre-Dame",
    language=Language.FRENCH,
    timezone="America/Toronto",
    country="CA",
)
RELAY = Relay(
    name=RelayName("a"), host="192.0.2.1", server_name="a.relay.example", ports=(443, 17001)
)
RELAYS = (
    RELAY,
    Relay(name=RelayName("b"), host="2001:db8::1", server_name="b.relay.example", ports=(443,)),
)
ORDER = SessionOrder(
    session=SESSION,
    device=DEVICE,
    product="contrast-injector",
    person=PERSON,
    access=AccessKind.SYSTEM,
    mode=Mode.CONTROL,
    reason="Défaut de pression E12 après une panne de courant",
    case="C-88213",
    ticket=None,
    issued_ms=NOW,
    answer_by_ms=NOW + 120_000,
    duration_s=1800,
    idle_s=600,
    specialist_key="SHA256:" + "A" * 43,
    proof_seed=bytes(range(32)),
    max_bytes=2**33,
    checkpoint=NOTE,
    actions=(SiteAction.FILES_OUT,),
)
APPROVER = Approver(
    id="p9",
    name="Julie Gagnon",
    rp_id="console.example",
    origin="https://console.example",
    credential="A" * 43,
    public_key="-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n",
)
APPROVAL = Approval(
    approver="p9",
    credential="A" * 43,
    authenticator_data=bytes(37),
    client_data=b"{}",
    signature=bytes(70),
)
APPROVED = replace(
    ORDER,
    session=SESSION,
    ticket="CHG-4471",
    site_policy=3,
    approvals=(APPROVAL, replace(APPROVAL, approver="p10", credential="B" * 43)),
    approved_until_ms=NOW + 600_000,
)
JOIN = replace(ORDER, joins=SessionId("01JABCDEFGHJKMNPQRSTVWXYZ1"), mode=Mode.VIEW, actions=())
WATCH = replace(JOIN, person=replace(JOIN.person, level=None))
CONTROL_OF_JOIN = replace(ORDER, joins=SessionId("01JABCDEFGHJKMNPQRSTVWXYZ2"))
SITE_POLICY = SitePolicy(
    site="notre-dame",
    serial=3,
    issued_ms=NOW,
    timezone="America/Toronto",
    rules={**dict.fromkeys(SiteAction, SiteRule.ASK_DEVICE), SiteAction.UPDATE: SiteRule.ASK_SITE},
    ticket=(SiteAction.SYSTEM_CONTROL, SiteAction.UPDATE),
    two_approvers=(SiteAction.UPDATE,),
    window=(SiteAction.UPDATE,),
    weekly=(WeeklyWindow(days=(0, 2), from_minute=1200, to_minute=120),),
    single=(SingleWindow(start_ms=NOW, end_ms=NOW + 3_600_000),),
    approvers=(APPROVER,),
)
HAND_OVER = SiteKeyHandOver(site="notre-dame", public_key=APPROVER.public_key, issued_ms=NOW)
WITHDRAWAL = Withdrawal(
    session=SESSION,
    device=DEVICE,
    ending=Ending.REVOKED,
    by="Jeanne Roy",
    gate=Gate.LOCK,
    issued_ms=NOW,
)
RECEIPT = Receipt(device=DEVICE, size=12, head=HEAD, checkpoint=NOTE, sent_ms=NOW)
CONTACT = SupportContact(
    country="CA",
    name="Centre de soutien, Montréal",
    telephone="+1 514 555 0199 ext. 2",
    email="support@bayard.example",
    hours="mon-fri 08:00-20:00",
)
CONFIGURATION = DeviceConfiguration(
    device=DEVICE,
    serial=1,
    issued_ms=NOW,
    display_name="Injecteur, salle 3",
    site=SITE,
    product="contrast-injector",
    relays=RELAYS,
    ssh_host_certificate="ecdsa-sha2-nistp256-cert-v01@openssh.com AAAA CI-20417",
    poll_mode=PollMode.HELD,
    locked=False,
    lock_reason=None,
    contacts=(CONTACT,),
    preferred=(RelayName("b"),),
    revoked=("5a7e0f", "c0ffee"),
)
LOCKED = replace(CONFIGURATION, serial=2, locked=True, lock_reason="Enquête en cours")
PEM = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n"
BUNDLE = EnrolmentBundle(
    enrolment="7K3QF",
    device=DEVICE,
    product="contrast-injector",
    display_name="Injecteur, salle 3",
    site=SITE,
    relays=RELAYS,
    ca=PEM,
    ssh_user_ca=LINE_KEY,
    ssh_host_ca=LINE_KEY,
    order_keys=(PEM,),
    report_key=PEM,
    checkpoint_key="bedside.example/log+00000000+AAAA",
    issued_ms=NOW,
    expires_ms=NOW + 86_400_000,
)
REPORT = DeviceReport(
    device=DEVICE,
    first=3,
    entries=('{"action":"agent:process:started"}',),
    size=4,
    head=HEAD,
    sent_ms=NOW,
)
CONSENT = Consent(
    session=SESSION,
    device=DEVICE,
    order=HEAD,
    name="Julie Gagnon",
    access=AccessKind.SYSTEM,
    mode=Mode.CONTROL,
    given_ms=NOW,
    until_ms=NOW + 1_800_000,
)
DOCUMENTS = (
    ORDER,
    APPROVED,
    JOIN,
    CONTROL_OF_JOIN,
    SITE_POLICY,
    HAND_OVER,
    WITHDRAWAL,
    RECEIPT,
    CONFIGURATION,
    LOCKED,
    BUNDLE,
    REPORT,
    CONSENT,
)
POLL = PollRequest(
    instance="0f" * 16,
    sequence=7,
    mode=PollMode.HELD,
    acks=(MESSAGE,),
    activity=Activity.IDLE,
    journal=JournalHead(size=4, head=HEAD),
    version="0.1.0",
    configuration=1,
)
REPLY = PollReply(
    messages=(Message(MESSAGE, MessageKind.ORDER, b"sealed"),),
    next_in_ms=0,
    hold_ms=30_000,
    now_ms=NOW,
)
SPANNING = replace(REPLY, spans=Spans(lost_ms=60_000, home_spread_ms=0), leave_in_ms=5_000)
