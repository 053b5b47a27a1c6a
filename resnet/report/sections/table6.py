"""Table 6 as the paper has it: the other methods, then the residual nets, the paper's error and ours."""

from resnet.report.analysis.headline import comparable
from resnet.report.analysis.nets import main_nets, over_seeds
from resnet.report.analysis.published import published
from resnet.report.style import words
from resnet.report.style.drawing import Section
from resnet.report.style.markdown import table
from resnet.report.tables import Tables


def _theirs(error: float, std: float | None, best: float | None, n: int | None = None) -> str:
    return words.spread(error, std, n) + (f", best {best:.2f}" if best is not None else "")


def section(tables: Tables) -> Section:
    known, alike = published(), comparable(tables)
    names = [name for name in main_nets(tables, "resnet") if known.paper("resnet", tables.net(name).depth)]
    if not set(names) & set(alike):
        return Section("Table 6", "")
    lines = [
        {
            "method": method.name,
            "layers": str(method.layers or words.NONE),
            "parameters": method.parameters or words.NONE,
            "the paper's Table 6, %": _theirs(method.error, method.std, method.best),
            "ours, %": words.NONE,
        }
        for method in known.methods
    ]
    for net in map(tables.net, names):
        figure = known.paper(net.net, net.depth)
        ours = over_seeds(tables, net.name, "test_error") if net.name in alike else None
        theirs = _theirs(figure.error, figure.std, figure.best, figure.n) if figure else words.NONE
        counts = {"layers": str(net.depth), "parameters": known.parameters_of(net.depth, net.shortcut) or words.NONE}
        lines.append(
            {"method": "ResNet", **counts, "the paper's Table 6, %": theirs, "ours, %": words.sample(ours, "not run")}
        )
    source = known.sources["paper"]
    quoted = (
        f"Classification error on the CIFAR-10 test set, all with data augmentation: [{source.title}]({source.url})."
    )
    return Section("Table 6", f"{table(lines)}\n{quoted} Ours: mean ± standard deviation over n seeds.\n")
