"""The sizes of a module are counted as the style counts them."""

from tools.measure import Function, read_module

SOURCE = '''
class Door:
    def open(self, key: str, *, slowly: bool) -> None:
        """Two lines
        of promise."""
        print(key)

        def inner():
            pass

def _hidden(x):
    return x
'''


def test_functions_are_measured_without_their_docstring(tmp_path):
    path = tmp_path / "door.py"
    path.write_text(SOURCE)

    module = read_module(path)

    assert module.lines == 12
    assert module.functions == (
        Function("open", body=5, parameters=2, public=True, documented=True, annotated=True),
        Function("inner", body=2, parameters=0, public=False, documented=False, annotated=False),
        Function("_hidden", body=2, parameters=1, public=False, documented=False, annotated=False),
    )
