import re

import pytest

from seco_lab.viz.webassets import joined_module, module_order

TOP = re.compile(r"^(?:async )?(?:class|const|function|let) (\w+)", re.MULTILINE)


@pytest.mark.parametrize("entry", ["widget.js", "page.js"])
def test_joined_modules_stand_alone(entry):
    code = joined_module(entry)
    names = TOP.findall(code)
    assert len(names) > 60
    assert sorted(names) == sorted(set(names)), "two files use one name at the top level"
    assert not re.search(r"^\s*import\b", code, re.MULTILINE)
    assert re.findall(r"^export .*", code, re.MULTILINE) == (
        ["export default { render };"] if entry == "widget.js" else []
    )
    assert "https://" not in code


def test_each_module_comes_after_those_it_imports():
    order = module_order("widget.js")
    assert order.index("hands.js") < order.index("pane.js") < order.index("explorer.js")
    assert order[-1] == "widget.js"
    assert len(order) == len(set(order))
