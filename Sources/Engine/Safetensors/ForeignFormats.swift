/// Names of PyTorch's pickle files, which are programs rather than data and are never opened.
private let pickleEndings = [".bin", ".pt", ".pth", ".ckpt", ".pkl"]

private let conversion = """
    convert it where you trust it: python -c "import torch, safetensors.torch as s; \
    s.save_file({k: v.contiguous().clone() for k, v in torch.load('FILE', weights_only=True).items()}, \
    'model.safetensors', {'format': 'pt'})"
    """

/// Refuses by content what people take for safetensors: pickles, zip archives, GGUF, HDF5, Git LFS pointers.
func refuseForeignFormats(_ start: [UInt8], path: String) throws {
    func begins(_ text: String) -> Bool { start.starts(with: text.utf8) }
    let isZip = begins("PK")
    let isPickle = start[0] == 0x80 && start[1] <= 5 && start[8] != UInt8(ascii: "{")
    let found: (String, advice: String)?
    if isZip || isPickle || pickleEndings.contains(where: { path.hasSuffix($0) }) {
        found = ("a pickle (a PyTorch file, which can run code when it is opened)", conversion)
    } else if begins("GGUF") {
        found = ("a GGUF file", "use the checkpoint it was made from")
    } else if start.starts(with: [0x89, 0x48, 0x44, 0x46]) {
        found = ("an HDF5 file", "export the model as safetensors")
    } else if begins("version ht") {
        found = ("a Git LFS pointer", "fetch the file itself with `git lfs pull`")
    } else {
        found = nil
    }
    if let found {
        throw SafetensorsError(file: path, found: found.0, expected: "a safetensors file", advice: found.advice)
    }
}

/// The pickle file in a folder without safetensors, to name it in the error.
package func pickleName(among names: [String]) -> String? {
    names.first { name in pickleEndings.contains { name.hasSuffix($0) } && !name.hasPrefix("training_args") }
}

func pickleError(_ path: String) -> SafetensorsError {
    SafetensorsError(
        file: path, found: "weights as a pickle only (a PyTorch file, which can run code when it is opened)",
        expected: "model.safetensors or model.safetensors.index.json", advice: conversion)
}
