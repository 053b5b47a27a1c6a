"""Table 6 as the paper has it: the other methods, then the residual nets, the paper's error and ours."""

from resnet.report import words
from resnet.report.analysis.headline import comparable
from resnet.report.analysis.nets import main_nets, over_seeds
from resnet.report.markdown import table
from resnet.report.published import papers_error, published
from resnet.report.style import Section
from resnet.report.tables import Tables


def section(tables: Tables) -> Section:
    known, alike = published(), comparable(tables)
    papers = {name: figure for name in main_nets(tables, "resnet") if (figure := papers_error(*tables.net(name)[1:4]))}
    if not papers.keys() & set(alike):
        return Section("Table 6", "")
    lines = [
        {
            "method": method.name,
            "layers": str(method.layers or words.NONE),
            "parameters": method.parameters or words.NONE,
            "the paper's Table 6, %": words.published_error(method),
            "ours, %": words.NONE,
        }
        for method in known.methods
    ]
    for name, figure in papers.items():
        net = tables.net(name)
        ours = over_seeds(tables, name, "test_error") if name in alike else None
        counts = {"layers": str(net.depth), "parameters": known.parameters_of(net.depth, net.shortcut) or words.NONE}
        lines.append(
            {
                "method": "ResNet",
                **counts,
                "the paper's Table 6, %": words.published_error(figure),
                "ours, %": words.sample(ours, "not run"),
            }
        )
    source = known.sources["paper"]
    quoted = (
        f"Classification error on the CIFAR-10 test set, all with data augmentation: [{source.title}]({source.url})."
    )
    return Section("Table 6", f"{table(lines)}\n{quoted} Ours: mean ± standard deviation over n seeds.\n")
