import Foundation

/// Numbers as people read them.
enum Numbers {
    /// A duration in its two largest units: 2h10m, 45s.
    static func duration(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds >= 0 else { return "?" }
        let total = Int(seconds.rounded())
        let (days, hours, minutes) = (total / 86_400, total / 3600 % 24, total / 60 % 60)
        if days > 0 { return "\(days)d\(hours)h" }
        if hours > 0 { return "\(hours)h\(two(minutes))m" }
        if minutes > 0 { return "\(minutes)m\(two(total % 60))s" }
        return "\(total)s"
    }

    /// Four significant digits.
    static func value(_ value: Double) -> String { String(format: "%.4g", value) }

    /// A share as a whole percentage.
    static func percent(_ share: Double) -> String { String(format: "%.0f%%", share * 100) }

    private static func two(_ value: Int) -> String { value < 10 ? "0\(value)" : "\(value)" }
}
