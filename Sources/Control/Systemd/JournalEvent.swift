/// The events that the catalog explains (`journalctl -x`) and people search by.
///
/// The identifiers are part of the interface: a released one never changes its meaning.
package enum JournalEvent: String, Sendable, CaseIterable {
    case daemonReady = "daemon ready"
    case recoverySummary = "recovery summary"
    case jobAccepted = "job accepted"
    case jobRejected = "job rejected"
    case attemptStarted = "attempt started"
    case attemptInterrupted = "attempt interrupted"
    case attemptFailed = "attempt failed"
    case jobSucceeded = "job succeeded"
    case jobFailed = "job failed"
    case jobCancelled = "job cancelled"
    case jobQuarantined = "job quarantined"
    case orphanFound = "orphan found"
    case checkpointSaved = "checkpoint saved"
    case checkpointFailed = "checkpoint failed"
    case checkpointCorrupt = "checkpoint corrupt"
    case workerHang = "worker hang"
    case workerStalled = "worker stalled"
    case workerOutOfMemory = "worker out of memory"
    case workerMisbehaved = "worker misbehaved"
    case degraded = "degraded"
    case configReloaded = "config reloaded"
    case configRefused = "config refused"
    case staleWriteRefused = "stale write refused"
    case databaseRefused = "database refused"

    /// The journal's MESSAGE_ID: 32 lower-case hexadecimal digits.
    package var messageID: String {
        switch self {
        case .daemonReady: "6673dc4355de469195cac01998f58f62"
        case .recoverySummary: "413e03ebba2a4aa38637a3220ab4de9d"
        case .jobAccepted: "f57f4b9dc55a4027bce6de45ec782011"
        case .jobRejected: "7e46f85eda2e41b7a6d2fcc4003555a3"
        case .attemptStarted: "2771989968dc4f33bd9b9a8dd9382ffa"
        case .attemptInterrupted: "ff16d2582a994731a8049a76ee36cb98"
        case .attemptFailed: "1b5adb282df248c9a541b62137be5144"
        case .jobSucceeded: "48a5ed8354214852bfff135e20f7bf74"
        case .jobFailed: "eb0571fb96db4548b64f46d44a488395"
        case .jobCancelled: "dd466fad4170404fac61dcce05f5bd4a"
        case .jobQuarantined: "89fc66e6e8e647f28a84bb7606d3bb1d"
        case .orphanFound: "6a88b503ba3d47bcb3a6fdce2d585cd2"
        case .checkpointSaved: "a091c764c15c441a88939558015d8032"
        case .checkpointFailed: "9409c93aa3f8456a8a1239b45a5d726f"
        case .checkpointCorrupt: "4895bf65f8a94cba8d60f0d8e706cfb0"
        case .workerHang: "9648fc08b5e84ceaa9c52c4f2816b314"
        case .workerStalled: "a58d5b25cb504263989011c7f7250c5a"
        case .workerOutOfMemory: "afa4bb3178a84954a1ca3b71538ad680"
        case .workerMisbehaved: "519571b34ff0445a976607ef8e5f4d28"
        case .degraded: "e015d5d75df944638726bd646a44719b"
        case .configReloaded: "e9975e384d5641e3b5a8e6e36f121afa"
        case .configRefused: "ab97fe3254d546d6a560fa7f679594da"
        case .staleWriteRefused: "97dcf72436d94ce894d72bc7dfe60727"
        case .databaseRefused: "6a6b22a49f2a4894a51af0bb09af62e1"
        }
    }
}
