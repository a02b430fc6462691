"""What is wrong with what a person of the site wrote; the sentence is theirs to read."""

__all__ = ["SiteError"]


class SiteError(ValueError):
    """Something that the commands of the site refuse.

    `text` is a marked sentence with `fields` for it.
    """

    def __init__(self, text: str, **fields: object) -> None:
        super().__init__(text.format(**fields))
        self.text = text
        self.fields = fields
