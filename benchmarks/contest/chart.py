"""The bar chart: for every table the ratios of the rivals, on a logarithmic axis."""

from pathlib import Path

from .report import columns, fastest, groups


def draw(document, path):
    """Write a PNG; one panel for each table."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    panels = groups(document["results"])
    figure, axes = plt.subplots(len(panels), figsize=(14, 4.2 * len(panels)), squeeze=False, layout="constrained")
    for axis, (title, results) in zip(axes[:, 0], panels.items(), strict=True):
        names = columns(results)
        width = 0.8 / max(1, len(names))
        for position, name in enumerate(names):
            found = [fastest(result, name) for result in results]
            bars = [(place, one[1]["ratio"]) for place, one in enumerate(found) if one and "ratio" in one[1]]
            offset = (position - (len(names) - 1) / 2) * width
            axis.bar([place + offset for place, _ in bars], [ratio for _, ratio in bars], width, label=name)
        axis.axhline(1, color="black", linewidth=1)
        axis.set_yscale("log")
        axis.set_xticks(range(len(results)), [result["size"] for result in results], rotation=25, ha="right")
        axis.set(title=title, ylabel="times as long as ours")
        axis.legend(ncols=4, fontsize="small")
    figure.savefig(Path(path), dpi=90)
    plt.close(figure)
