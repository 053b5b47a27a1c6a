"""How what was run deviates from the paper's protocol, in plain words."""

from resnet.report.protocol import Deviation, settings_deviations
from resnet.report.tables import Tables, different, rows

__all__ = ["Deviation", "deviations", "settings_deviations", "shared_deviations"]


def deviations(tables: Tables, name: str) -> list[Deviation]:
    """How a net deviates: by its runs, or by the plan where nothing has run."""
    net = tables.net(name)
    ran = [(net.settings | run.settings, run.data) for run in rows(tables.started(name))] or [(net.settings, None)]
    return different(
        deviation for settings, data in ran for deviation in settings_deviations(settings, net.net, net.depth, data)
    )


def shared_deviations(tables: Tables) -> list[Deviation]:
    """How every net of the plan deviates in the same way."""
    of_nets = [deviations(tables, name) for name in tables.nets.index]
    return [deviation for deviation in (of_nets or [[]])[0] if all(deviation in others for others in of_nets)]
