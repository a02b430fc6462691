"""What makes a machine itself."""

from bedside.agent.hardware import hardware_fingerprint


def test_the_same_files_give_the_same_print_and_others_another(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a\n")
    two.write_text("b")
    first = hardware_fingerprint([one, two])
    assert first == hardware_fingerprint([one, two])
    assert first != hardware_fingerprint([two, one])
    one.write_text("ab")
    two.write_text("")
    assert first != hardware_fingerprint([one, two])


def test_a_file_that_cannot_be_read_gives_none(tmp_path):
    assert hardware_fingerprint([tmp_path / "absent"]) is None
