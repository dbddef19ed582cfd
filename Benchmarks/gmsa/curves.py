"""Loss curves as SVG, with nothing but the standard library."""

COLORS = ["#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#8c564b", "#17becf"]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 380, 56, 150, 34, 44


def ticks(low, high, count=6):
    """Round numbers between two values."""
    span = (high - low) or 1
    power = 10 ** len(str(int(span / count))) / 10 if span >= count else 10.0 ** (-len(str(int(count / span))) + 1)
    step = next(power * factor for factor in (0.1, 0.2, 0.5, 1, 2, 5, 10) if span / (power * factor) <= count)
    first = -(-low // step) * step
    return [first + step * index for index in range(count + 1) if first + step * index <= high + 1e-9]


def svg(path, title, x_label, y_label, curves):
    """curves: {name: [[(x, y), …] for every seed]}; one colour for each name."""
    points = [point for runs in curves.values() for run in runs for point in run]
    x_high, y_high = max(x for x, _ in points), max(y for _, y in points)

    def place(x, y):
        return (
            LEFT + (WIDTH - LEFT - RIGHT) * x / x_high, HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * y / (1.05 * y_high))

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="11"><rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<text x="{LEFT}" y="20" font-size="14">{title}</text>']
    for y in ticks(0, 1.05 * y_high):
        left, height = place(0, y)
        parts.append(
            f'<path d="M{left:.1f} {height:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
            f'<text x="{left - 6:.1f}" y="{height + 4:.1f}" text-anchor="end">{y:g}</text>')
    for x in ticks(0, x_high):
        across, bottom = place(x, 0)
        parts.append(f'<text x="{across:.1f}" y="{bottom + 16:.1f}" text-anchor="middle">{x:g}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{x_label}</text>')
    parts.append(
        f'<text x="14" y="{HEIGHT / 2}" text-anchor="middle" transform="rotate(-90 14 {HEIGHT / 2})">{y_label}</text>')
    for index, (name, runs) in enumerate(curves.items()):
        color = COLORS[index % len(COLORS)]
        for run in runs:
            line = " ".join("{:.1f},{:.1f}".format(*place(x, y)) for x, y in run)
            parts.append(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="1.4"/>')
        parts.append(
            f'<text x="{WIDTH - RIGHT + 10}" y="{TOP + 16 * index + 10}" fill="{color}">{name}</text>')
    path.write_text("\n".join(parts) + "\n</svg>\n", encoding="utf-8")
