/// Names inside a checkpoint. The weights' names are the task's.
enum CheckpointFiles {
    static let optimizer = "optimizer.safetensors"
    static let state = "state.json"
    /// State of the method, where it has any.
    static let task = "task.safetensors"

    /// Prefixes of the optimizer's tensors, as PyTorch calls the moments.
    static let firstMoment = "exp_avg."
    static let secondMoment = "exp_avg_sq."
}
