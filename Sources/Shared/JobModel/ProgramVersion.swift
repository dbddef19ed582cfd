/// The version of all programs, which are built and installed together. `scripts/package` reads it here.
package let programVersion = "0.1.0"

/// As the protocol, checkpoints and `--version` carry it.
package let programBuild = "hone \(programVersion)"
