"""The alerts and the dashboard ask for metrics and labels that the programs really have."""

import json
import re
from pathlib import Path

import pytest
import yaml

from tests.observe.page import PAGE

DEPLOY = Path(__file__).parents[2] / "deploy"
ROW = re.compile(r"^\| `(bedside_\w+)` \| (\w+) \| ([^|]*) \|", re.MULTILINE)
NAMES = re.compile(r"\b(bedside_\w+|process_\w+)")
# What Prometheus itself adds, and what its process metrics are called.
OF_PROMETHEUS = {"job", "instance", "le"}
PROCESS = {
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "process_open_fds",
    "process_max_fds",
}
FUNCTIONS = {
    "and", "by", "histogram_quantile", "increase", "max", "min", "offset", "or", "rate", "sum",
    "time", "topk", "up", "vector",
}  # fmt: skip


class StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice."""

    def construct_mapping(self, node, deep=False):
        keys = [self.construct_object(key, deep=deep) for key, _ in node.value]
        assert len(keys) == len(set(keys)), f"a key stands twice: {keys}"
        return super().construct_mapping(node, deep)


def known() -> dict[str, set[str]]:
    """Return the labels of every metric, under each name that can be asked for."""
    found = {name: set() for name in PROCESS}
    for name, kind, labels in ROW.findall(PAGE.read_text("utf-8")):
        ends = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        found |= {name + end: set(re.findall(r"\w+", labels)) for end in ends}
    return found


def rules():
    text = (DEPLOY / "prometheus" / "alerts.yml").read_text("utf-8")
    groups = yaml.load(text, StrictLoader)["groups"]
    return [rule for group in groups for rule in group["rules"]]


def dashboard():
    return json.loads((DEPLOY / "grafana" / "bedside.json").read_text("utf-8"))


def targets():
    return [each for panel in dashboard()["panels"] for each in panel.get("targets", [])]


EXPRESSIONS = [rule["expr"] for rule in rules()] + [each["expr"] for each in targets()]


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_each_expression_asks_for_what_there_is(expression):
    metrics = known()
    named = NAMES.findall(expression)
    assert set(named) <= metrics.keys()
    asked = re.findall(r"by \(([^)]*)\)", expression) + re.findall(r"(\w+)=~?\"", expression)
    labels = {label.strip() for each in asked for label in each.split(",")}
    assert labels <= OF_PROMETHEUS.union(*(metrics[name] for name in named))
    for opening, closing in ("()", "[]", "{}"):
        assert expression.count(opening) == expression.count(closing)
    bare = re.sub(r"\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"|by \([^)]*\)|offset \w+", " ", expression)
    assert set(re.findall(r"\b[a-z]\w*", bare)) - set(named) <= FUNCTIONS


def test_an_expression_that_asks_for_nothing_we_have_is_found():
    with pytest.raises(AssertionError):
        test_each_expression_asks_for_what_there_is("sum(bedside_relay_nothing)")
    with pytest.raises(AssertionError):
        test_each_expression_asks_for_what_there_is("sum by (device) (bedside_relay_devices)")


def test_each_alert_says_how_urgent_it_is_and_what_it_means():
    names = [rule["alert"] for rule in rules()]
    assert len(names) == len(set(names)) > 20
    for rule in rules():
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"]["summary"].endswith(".")
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))
        shown = set(re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"]))
        of_metrics = OF_PROMETHEUS.union(
            *(known().get(n, set()) for n in NAMES.findall(rule["expr"]))
        )
        assert shown <= of_metrics


def test_devices_are_lost_too_where_no_relay_is_left_to_count_them():
    (lost,) = [rule["expr"] for rule in rules() if rule["alert"] == "BedsideDevicesLost"]
    now, _, before = lost.partition(" < ")
    # A sum over nothing is empty, and nothing is less than anything. `<` binds closer than `or`.
    assert now == "(sum(bedside_relay_devices) or vector(0))"
    assert "offset 15m" in before


def test_the_dashboard_is_one_that_grafana_imports():
    found = dashboard()
    ids = [panel["id"] for panel in found["panels"]]
    assert len(ids) == len(set(ids))
    assert found["templating"]["list"][0]["type"] == "datasource"
    for panel in found["panels"]:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
        if panel["type"] != "row":
            assert panel["datasource"]["uid"] == "${source}"
            assert panel["targets"]
    refs = [[target["refId"] for target in panel.get("targets", [])] for panel in found["panels"]]
    assert all(len(each) == len(set(each)) for each in refs)
