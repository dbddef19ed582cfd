"""How tables show a metric of several seeds."""

import statistics


def spread(values):
    """Mean and standard deviation; - without values."""
    if not values:
        return "-"
    mean = statistics.fmean(values)
    return f"{mean:.3f} ± {statistics.stdev(values):.3f}" if len(values) > 1 else f"{mean:.3f}"
