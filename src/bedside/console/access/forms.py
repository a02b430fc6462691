"""Rules of level and country as a person edits them: one row each, strict."""

from typing import Any

from django import forms
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from bedside.console.access.actions import check_start_rules
from bedside.console.accounts.forms import CountryField
from bedside.console.devices.models import Product
from bedside.policy.facts import StartRule
from bedside.vocabulary import Level, Mode

__all__ = ["RuleForm", "RuleFormSet", "rules_of"]

MOST_RULES = 60


class RuleForm(forms.Form):
    """One rule."""

    level = forms.TypedChoiceField(
        label=_("Level"),
        # The empty one first: a browser sends what a new row shows, and an empty row is no rule.
        choices=[("", "–"), *((str(level.value), str(level.value)) for level in Level)],
        coerce=int,
    )
    country = CountryField(label=_("Country"))
    product = forms.ChoiceField(label=_("Product"), required=False)
    start_view = forms.BooleanField(label=_("Start, view"), required=False)
    start_control = forms.BooleanField(label=_("Start, control"), required=False)
    join_view = forms.BooleanField(label=_("Join, view"), required=False)
    join_control = forms.BooleanField(label=_("Join, control"), required=False)

    def __init__(self, *args: Any, products: list[Product], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        chosen = [("", _("All products")), *((each.pk, str(each)) for each in products)]
        self.fields["product"].choices = chosen  # type: ignore[attr-defined]

    @property
    def rule(self) -> StartRule:
        """The rule; the form is valid."""
        told = self.cleaned_data
        return StartRule(
            level=Level(told["level"]),
            country=told["country"],
            start=_modes(told, "start"),
            join=_modes(told, "join"),
            product=told["product"] or None,
        )


class _Rules(forms.BaseFormSet[RuleForm]):
    """Every rule together: none twice."""

    @cached_property
    def _products(self) -> list[Product]:
        # Read once for all rows.
        return list(Product.objects.defer("profile").order_by("name"))

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        """Give each row the products to choose from."""
        return {**super().get_form_kwargs(index), "products": self._products}

    def clean(self) -> None:
        """Refuse two rules for the same level, country and product."""
        if any(self.errors):
            return
        check_start_rules(rules_of(self))


RuleFormSet = forms.formset_factory(
    RuleForm,
    formset=_Rules,
    extra=2,
    can_delete=True,
    max_num=MOST_RULES,
    absolute_max=MOST_RULES,
    validate_max=True,
)


def rules_of(formset: forms.BaseFormSet[RuleForm]) -> list[StartRule]:
    """Return the rules that a valid formset states, without empty and deleted rows."""
    return [
        form.rule
        for form in formset.forms
        if form.cleaned_data.get("level") and not form.cleaned_data.get("DELETE")
    ]


def _modes(told: dict[str, Any], act: str) -> frozenset[Mode]:
    return frozenset(mode for mode in Mode if told[f"{act}_{mode}"])
