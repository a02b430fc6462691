"""A French catalogue holds each sentence of the sources, translated, and nothing else."""

import gettext

import pytest

from tools.catalogues import compile_all, extract, faults, read, update
from tools.messages import Message

SENTENCE = Message("Hello %(name)s")


@pytest.fixture
def package(tmp_path):
    return tmp_path / "bedside"


def write_catalogue(package, *entries):
    path = package / "locale/fr/LC_MESSAGES/bedside.po"
    path.parent.mkdir(parents=True)
    header = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n\n'
    path.write_text(header + "\n\n".join(entries), encoding="utf-8")
    return path


def test_each_room_has_its_catalogue(package):
    for place in ("panel/screen.py", "relay/cli.py", "console/devices/views.py"):
        (package / place).parent.mkdir(parents=True)
        (package / place).write_text('_("A sentence")\n')

    names = {str(path.relative_to(package)) for path in extract(package)}

    assert names == {
        "locale/fr/LC_MESSAGES/bedside-panel.po",
        "locale/fr/LC_MESSAGES/bedside.po",
        "console/devices/locale/fr/LC_MESSAGES/django.po",
    }


def test_a_complete_catalogue_has_no_fault(package):
    path = write_catalogue(package, 'msgid "Hello %(name)s"\nmsgstr "Bonjour %(name)s"\n')
    assert faults(path, {SENTENCE}) == []


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        ("", "missing"),
        ('msgid "Hello %(name)s"\nmsgstr ""\n', "not translated"),
        ('#, fuzzy\nmsgid "Hello %(name)s"\nmsgstr "Bonjour %(name)s"\n', "not translated"),
        ('msgid "Hello %(name)s"\nmsgstr "Bonjour %(nom)s"\n', "placeholders differ"),
        ('msgid "Hello %(name)s"\nmsgstr "Bonjour"\n', "placeholders differ"),
    ],
)
def test_a_gap_is_named(package, entry, fault):
    path = write_catalogue(package, entry)
    (found,) = faults(path, {SENTENCE})
    assert f": {fault}: " in found


def test_a_sentence_nobody_says_is_named(package):
    path = write_catalogue(package, 'msgid "Old"\nmsgstr "Vieux"\n')
    (found,) = faults(path, set())
    assert "nobody says it any more" in found


@pytest.mark.parametrize(
    "text",
    [
        "l'appareil",
        "l'%(name)s",
        "Demandez ; ouvrez",
        "Signer ?",
        "Dites « tout\u00a0»",
        "Dites «\u00a0tout »",
        "Dites «tout»",
    ],
)
def test_french_is_written_in_one_way(package, text):
    path = write_catalogue(package, f'msgid "One %(name)s"\nmsgstr "{text} %(name)s"\n')
    (found,) = faults(path, {Message("One %(name)s")})
    assert "typewriter" in found


def test_what_is_quoted_stays_on_a_line_with_its_marks(package):
    path = write_catalogue(package, 'msgid "Say all"\nmsgstr "Dites «\u00a0tout\u00a0»"\n')
    assert faults(path, {Message("Say all")}) == []


def test_a_quoted_command_is_not_taken_for_an_apostrophe(package):
    path = write_catalogue(package, 'msgid "Say"\nmsgstr "Tapez --why \'…\' : l’appareil?"\n')
    assert faults(path, {Message("Say")}) == []


@pytest.mark.parametrize("text", ["Dites `:at-once`", "Dites :rush"])
def test_what_is_typed_as_it_is_written_is_not_translated(package, text):
    path = write_catalogue(package, f'msgid "Say `:rush`"\nmsgstr "{text}"\n')
    (found,) = faults(path, {Message("Say `:rush`")})
    assert "what is typed differs" in found


def test_a_singular_form_may_leave_the_number_out(package):
    path = write_catalogue(
        package,
        'msgid "one device"\nmsgid_plural "%(n)d devices"\n'
        'msgstr[0] "un appareil"\nmsgstr[1] "%(n)d appareils"\n',
    )
    assert faults(path, {Message("one device", plural="%(n)d devices")}) == []


def test_update_keeps_translations_adds_what_is_new_and_drops_what_is_gone(package):
    path = write_catalogue(
        package,
        'msgid "Hello %(name)s"\nmsgstr "Bonjour %(name)s"\n',
        'msgid "Old"\nmsgstr "Vieux"\n',
    )
    update(path, {SENTENCE, Message("New")})

    catalogue = read(path)
    assert catalogue.get("Hello %(name)s").string == "Bonjour %(name)s"
    assert catalogue.get("New").string == ""
    assert catalogue.get("Old") is None


def test_update_of_an_unchanged_catalogue_changes_no_byte(package):
    path = write_catalogue(package)
    update(path, {SENTENCE})
    before = path.read_bytes()
    update(path, {SENTENCE})
    assert path.read_bytes() == before


def test_compiled_catalogues_speak(package):
    write_catalogue(package, 'msgid "Refuse"\nmsgstr "Refuser"\n')
    compile_all(package)
    french = gettext.translation("bedside", package / "locale", languages=["fr"])
    assert french.gettext("Refuse") == "Refuser"
