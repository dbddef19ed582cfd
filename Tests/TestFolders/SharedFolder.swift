#if canImport(Glibc)
    internal import Glibc
#else
    internal import Musl
#endif

/// The root of the package, from this file's place in it.
package let packageRoot: String = {
    let parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
    return parts.dropLast(3).joined(separator: "/")
}()

/// Folder of data that is not in the repository: `HONE_SHARED`, by default beside the package. Tests of what is in it
/// are skipped without it.
package let sharedFolder: String =
    environment("HONE_SHARED") ?? packageRoot.split(separator: "/", omittingEmptySubsequences: false).dropLast()
    .joined(separator: "/") + "/shared"

/// The value of an environment variable, unless it is empty.
package func environment(_ name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    let text = String(cString: value)
    return text.isEmpty ? nil : text
}
