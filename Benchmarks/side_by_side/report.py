"""Tables of what was measured."""
import statistics


def figures(measured, results):
    """Median of all timed repetitions of a contender's rounds."""
    good = [result for result in results if "error" not in result]
    if not good:
        return None
    seconds = statistics.median(second for result in good for second in result["seconds"])
    key = "bf16_gflops" if measured["precision"] == "bf16" else "fp32_gflops"
    peak = max(result["limits"][key] for result in results)
    return dict(
        seconds=seconds, rate=measured["amount"] / seconds, share=measured["flops"] / seconds * 1e-9 / peak if peak else None,
        rss=max(result["peak_rss_bytes"] for result in good) / 1e9, loss=(good[0].get("losses") or [None])[0])


def case(measured):
    """One table: a line for each contender, the ratio to hone beside it."""
    print(f"\n### {measured['shape']}, {measured['precision']}: {measured['case']}\n", flush=True)
    print(f"| contender | s | {measured['unit']}/s | share of peak | hone is faster by | peak RSS GB | of hone's | first loss |")
    print("|---|---|---|---|---|---|---|---|")
    own = None
    for name, results in measured["contenders"].items():
        found = figures(measured, results)
        if found is None:
            print(f"| {name} | failed: {results[0]['error']} | | | | | | |")
            continue
        own = own or found
        loss = "" if found["loss"] is None else f"{found['loss']:.4f}"
        share = "" if found["share"] is None else f"{100 * found['share']:.0f} %"
        print(f"| {name} | {found['seconds']:.3f} | {found['rate']:.3g} | {share} | {found['seconds'] / own['seconds']:.2f} "
              f"| {found['rss']:.2f} | {found['rss'] / own['rss']:.2f} | {loss} |", flush=True)
