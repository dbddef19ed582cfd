internal import CKernels
internal import COpenBLAS

/// The fixed team of threads that runs every kernel of one worker process.
///
/// The caller is one of its threads, so a team is used from one thread at a time. Work is split statically, or
/// dynamically where tasks write disjoint memory: the same number of threads gives the same bits.
package final class ThreadTeam: @unchecked Sendable {
    /// Number of threads, the caller included.
    package let threads: Int
    private let handle: OpaquePointer

    /// In what the team multiplies: what it was asked for, or `full` where the processor cannot.
    package let products: ProductPrecision

    /// Starts `threads` − 1 threads. OpenBLAS is told to keep to the calling thread: the team splits the products.
    ///
    /// - Parameter products: bfloat16 is used where the processor has it; `self.products` says whether it is.
    package init(threads: Int, products: ProductPrecision = .full) throws(ComputeError) {
        openblas_set_num_threads(1)
        guard threads > 0, let handle = hone_team_create(Int32(threads)) else { throw .noThreads(count: threads) }
        self.handle = handle
        self.threads = threads
        self.products = products.possible
    }

    deinit { hone_team_destroy(handle) }

    /// Runs `body` once per thread, with the thread's number.
    package func everyThread(_ body: (Int) -> Void) {
        if threads == 1 { return body(0) }
        runClosure(handle, body)
    }

    /// Splits 0 ..< `count` into one contiguous part per thread, each a multiple of `grain` but the last, and runs
    /// `body` on the parts that are not empty. Less than two grains run on the caller alone.
    package func parallel(_ count: Int, grain: Int = 1, _ body: (Range<Int>) -> Void) {
        guard count > 0 else { return }
        let grains = (count + grain - 1) / grain
        if threads == 1 || grains < 2 { return body(0..<count) }
        let team = threads
        everyThread { thread in
            let from = grains * thread / team * grain
            let to = min(count, grains * (thread + 1) / team * grain)
            if from < to { body(from..<to) }
        }
    }

    /// Runs `body(task, thread)` for every task of 0 ..< `count`, each on whichever thread is free. For tasks of
    /// unequal length that write disjoint memory.
    package func tasks(_ count: Int, _ body: (_ task: Int, _ thread: Int) -> Void) {
        if threads == 1 || count < 2 {
            for task in 0..<count { body(task, 0) }
            return
        }
        let counter = TaskCounter(handle: handle)
        everyThread { thread in
            while let task = counter.next(below: count) { body(task, thread) }
        }
    }

    /// Which kernels multiply matrices: our own with their revision, or OpenBLAS's by their name, such as "SkylakeX".
    package static let multiplyKernelName =
        multipliesItself ? "own AVX-512, revision \(ownRevision)" : String(cString: openblas_get_corename())
    /// Raised whenever our kernels for products and attention give other last bits: cached scores of another revision
    /// are made anew, and a strict resume refuses a checkpoint of one.
    private static let ownRevision = 2
    /// Whether float32 products are our own on this processor.
    package static var multipliesItself: Bool { ProductKernel.hasOwn }
    /// Version and build options of OpenBLAS. Asked for once: it writes the text anew at every call, into one buffer
    /// that all threads share.
    package static let multiplyLibraryName = String(cString: openblas_get_config())
    /// Instruction-set level of the row kernels.
    package static var rowKernelLevel: String { String(cString: hone_kernel_level()) }
}

/// Hands out task numbers to the threads of a team.
private struct TaskCounter: @unchecked Sendable {
    let handle: OpaquePointer

    func next(below count: Int) -> Int? {
        let task = Int(hone_team_next(handle))
        return task < count ? task : nil
    }
}

/// `hone_team_run` for a closure that does not escape. Declared here because its captured values then stay on this
/// thread's stack: a step makes some thousands of calls, and boxes would be as many heap allocations.
@_silgen_name("hone_team_run_closure")
private func runClosure(_ team: OpaquePointer, _ body: (Int) -> Void)
