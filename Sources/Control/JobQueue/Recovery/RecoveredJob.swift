package import JobModel

/// A job as its files tell it, for a queue that is rebuilt.
package struct RecoveredJob: Sendable, Hashable {
    /// How the job stood when its files were last written.
    package enum Standing: Sendable, Hashable {
        /// It has its result.
        case succeeded(ResultRecord)
        /// It ended without success; the text says why.
        case failed(String)
        /// It failed the same way too often; the text says how.
        case quarantined(String)
        /// Its owner does not want it any more.
        case cancelled
        /// Its owner wants it to wait.
        case held
        /// It waited or ran.
        case live
    }

    /// Its number.
    package var id: Int64
    /// What was asked for. Its inputs are looked up when it is prepared again.
    package var job: NewJob
    /// The file it came from.
    package var file: SubmittedFile
    /// Whether that file still lies in the drop directory, because a crash came before its move.
    package var isInDrop: Bool
    /// The newest attempt that left a trace; 0 for none.
    package var fence: Int64
    /// Where it stood.
    package var standing: Standing
    /// When it came.
    package var submitted: Timestamp

    /// A job from its files.
    package init(
        id: Int64, job: NewJob, file: SubmittedFile, isInDrop: Bool, fence: Int64, standing: Standing,
        submitted: Timestamp
    ) {
        self.id = id
        self.job = job
        self.file = file
        self.isInDrop = isInDrop
        self.fence = fence
        self.standing = standing
        self.submitted = submitted
    }
}

/// What a rebuild did with the queue.
package struct RebuildCounts: Sendable, Hashable, Codable {
    /// Jobs that the copy did not know.
    package var added = 0
    /// Jobs that had gone on since the copy was made.
    package var broughtForward = 0
    /// Jobs that stand as the copy has them.
    package var unchanged = 0

    /// None so far.
    package init() {}
}
