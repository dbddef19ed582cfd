package import JobModel

/// A file in the drop directory: its identity and what was read from it.
package struct SubmittedFile: Sendable, Hashable {
    /// Its name there.
    package var name: String
    /// User number of the owner of the open file.
    package var uid: Int64
    /// Device number.
    package var device: Int64
    /// Inode number.
    package var inode: Int64
    /// Modification time, nanoseconds since 1970.
    package var modifiedNanoseconds: Int64
    /// Bytes.
    package var size: Int64
    /// Lower-case hex digest of the bytes that were read.
    package var sha256: String

    /// A file.
    package init(
        name: String, uid: Int64, device: Int64, inode: Int64, modifiedNanoseconds: Int64, size: Int64, sha256: String
    ) {
        self.name = name
        self.uid = uid
        self.device = device
        self.inode = inode
        self.modifiedNanoseconds = modifiedNanoseconds
        self.size = size
        self.sha256 = sha256
    }
}

/// What became of a file.
package struct Submission: Sendable, Hashable {
    /// What became of it.
    package enum Outcome: String, Sendable, Hashable {
        case accepted
        case rejected
        /// Its job was there already.
        case duplicate
    }

    /// Number of the record.
    package var id: Int64
    /// Name of the file in the drop directory.
    package var fileName: String
    /// What became of it.
    package var outcome: Outcome
    /// The job, unless rejected.
    package var job: Int64?
    /// Name of that job.
    package var jobName: String?
    /// Why it was rejected, as many lines as there are errors.
    package var reason: String?
}

/// A file of the drop directory and what is to become of it.
package struct ExaminedDrop: Sendable, Hashable {
    /// What is to become of a file.
    package enum Decision: Sendable, Hashable {
        case accept(NewJob)
        case reject(reason: String)
    }

    /// The file.
    package var file: SubmittedFile
    /// What is to become of it.
    package var decision: Decision

    /// A file and a decision.
    package init(_ file: SubmittedFile, _ decision: Decision) {
        self.file = file
        self.decision = decision
    }
}

/// What the queue made of a decision.
package enum DropVerdict: Sendable, Hashable {
    /// It is recorded.
    case recorded(Submission)
    /// The job cannot be; nothing is recorded.
    case refused(reason: String)
}

/// A job to be.
package struct NewJob: Sendable, Hashable {
    /// What was asked for.
    package var spec: JobSpec
    /// `spec.canonicalJSON()`.
    package var canonical: [UInt8]
    /// Lower-case hex digest of `canonical`.
    package var specSHA256: String
    /// The file as it was read.
    package var source: [UInt8]
    /// Bytes of memory reserved.
    package var memory: Int64
    /// Bytes of disk reserved.
    package var disk: Int64
    /// The files it reads, as far as they are known.
    package var inputs: [InputPin]

    /// A job to be.
    package init(
        spec: JobSpec, canonical: [UInt8], specSHA256: String, source: [UInt8], memory: Int64, disk: Int64 = 0,
        inputs: [InputPin] = []
    ) {
        self.spec = spec
        self.canonical = canonical
        self.specSHA256 = specSHA256
        self.source = source
        self.memory = memory
        self.disk = disk
        self.inputs = inputs
    }
}
