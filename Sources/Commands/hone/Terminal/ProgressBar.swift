/// A bar of a given width, filled from the left in eighths.
func progressBar(_ share: Double, width: Int) -> String {
    let eighths = Int((min(max(share, 0), 1) * Double(width * 8)).rounded())
    let (full, rest) = (eighths / 8, eighths % 8)
    let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]
    let bar = String(repeating: "█", count: full) + parts[rest]
    return bar + String(repeating: "░", count: width - full - (rest > 0 ? 1 : 0))
}
