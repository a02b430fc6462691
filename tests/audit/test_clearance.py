"""Who may see which field."""

from bedside.audit.clearance import DETAIL_CLASSES, FIELD_CLASSES, class_of, view
from bedside.audit.entry import ENTRY_KEYS
from bedside.vocabulary import FieldClass
from tests.audit.test_entry import act


def entry(**detail):
    return act(detail=detail).at(0, None)


def test_an_unmarked_detail_is_secret():
    assert class_of("duration_s") is FieldClass.PUBLIC
    assert class_of("path") is FieldClass.SENSITIVE
    assert class_of("something_new") is FieldClass.SECRET


def test_every_field_of_an_entry_is_marked():
    assert FIELD_CLASSES.keys() | {"detail"} == ENTRY_KEYS


def test_no_detail_is_marked_twice_or_in_vain():
    assert FieldClass.SECRET not in DETAIL_CLASSES.values()


def test_the_public_view_withholds_people_and_says_what():
    seen = view(entry(duration_s=60, path="/inbox/a", novel="x"), FieldClass.PUBLIC)
    assert seen["actor"] is None
    assert seen["detail"] == {"duration_s": 60, "novel": None, "path": None}
    assert seen["withheld"] == ["actor", "case", "object", "detail.novel", "detail.path"]
    assert seen["action"] == "session:channel:refused"


def test_the_sensitive_view_withholds_only_the_secret():
    seen = view(entry(path="/inbox/a", novel="x"), FieldClass.SENSITIVE)
    assert seen["actor"]["name"] == "Marie Tremblay"
    assert seen["withheld"] == ["detail.novel"]


def test_the_secret_view_is_whole():
    whole = entry(path="/inbox/a", novel="x")
    assert view(whole, FieldClass.SECRET) == whole.to_dict() | {"withheld": []}
