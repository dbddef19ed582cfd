import CDigest
import Glibc
import TestFolders
import Testing

@testable import DurableFiles

@Suite struct DigestTests {
    @Test(arguments: [
        ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
    ])
    func knownDigests(text: String, hex: String) {
        #expect(SHA256.hex(of: text) == hex)
    }

    /// The processor's own instructions against portable code, over whole blocks and from any state.
    @Test func nativeBlocksEqualPortableBlocks() {
        let blocks = (0..<64 * 37).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 3) }
        var portable: [UInt32] = [1, 2, 3, 0xffff_ffff, 5, 0x8000_0000, 7, 8]
        var native = portable
        hone_sha256_blocks_portable(&portable, blocks, 37)
        guard hone_sha256_blocks_native(&native, blocks, 37) == 1 else { return }
        #expect(native == portable)
    }

    /// 55, 56, 63, 64, 65 … bytes: every way the padding can fall, in pieces of every small size.
    @Test(arguments: [0, 1, 54, 55, 56, 63, 64, 65, 119, 120, 128, 1000])
    func piecesDigestAsTheWhole(count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        for size in 1...70 {
            var stream = SHA256.Stream()
            for start in stride(from: 0, to: count, by: size) { stream.update(Array(bytes[start..<min(start + size, count)])) }
            #expect(stream.hex() == SHA256.hex(of: bytes))
        }
    }

    @Test func fileDigestEqualsDigestOfBytes() throws {
        let scratch = try TestFolder()
        let bytes = (0..<3_000_001).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try durableWrite(bytes, to: scratch.path + "/big")
        let (hex, count) = try SHA256.hex(ofFile: scratch.path + "/big")
        #expect(hex == SHA256.hex(of: bytes))
        #expect(count == bytes.count)
    }
}

@Suite struct DurableWriteTests {
    @Test func replacesAndLeavesNoTemporaryFile() throws {
        let scratch = try TestFolder()
        let path = scratch.path + "/status.json"
        try durableWrite("one", to: path)
        try durableWrite("two", to: path)
        #expect(try readFile(path) == Array("two".utf8))
        #expect(try directoryNames(scratch.path) == ["status.json"])
    }

    @Test func errorNamesPathAndOperation() throws {
        let error = #expect(throws: FileError.self) { try durableWrite("x", to: "/nowhere/at/all") }
        #expect(error?.operation == "open")
        #expect(error?.code == ENOENT)
        #expect(error?.description.contains("/nowhere/at/.all.tmp-") == true)
    }

    @Test func createdOnceAndNeverReplaced() throws {
        let scratch = try TestFolder()
        try durableCreate(Array("first".utf8), at: scratch.path + "/result.json")
        let error = #expect(throws: FileError.self) {
            try durableCreate(Array("second".utf8), at: scratch.path + "/result.json")
        }
        #expect(error?.code == EEXIST)
        #expect(try readFile(scratch.path + "/result.json") == Array("first".utf8))
        #expect(try directoryNames(scratch.path) == ["result.json"])
    }

    @Test func readingRefusesMoreThanTheLimit() throws {
        let scratch = try TestFolder()
        try durableWrite("12345", to: scratch.path + "/f")
        #expect(throws: FileError.self) { try readFile(scratch.path + "/f", limit: 4) }
    }
}

@Suite struct DurableDirectoryTests {
    @Test func appearsWholeWithDigests() throws {
        let scratch = try TestFolder()
        var directory = try DurableDirectory(in: scratch.path, name: "step-1", temporaryName: ".tmp-step-1")
        try directory.add("a", "hello")
        try directory.add("b") { file in
            for index in 0..<100_000 { try file.write("\(index)\n") }
        }
        #expect(fileKind(scratch.path + "/step-1") == .missing)
        try directory.publish()
        #expect(try directoryNames(scratch.path) == ["step-1"])
        for file in directory.files {
            let (hex, bytes) = try SHA256.hex(ofFile: scratch.path + "/step-1/" + file.name)
            #expect(hex == file.sha256)
            #expect(bytes == file.bytes)
        }
    }

    @Test func takesThePlaceOfWhatIsThereWhenAsked() throws {
        let scratch = try TestFolder()
        for text in ["first", "second"] {
            var directory = try DurableDirectory(in: scratch.path, name: "done", temporaryName: ".tmp")
            try directory.add(text, text)
            try directory.publish(replacing: true)
        }
        #expect(try directoryNames(scratch.path) == ["done"])
        #expect(try directoryNames(scratch.path + "/done") == ["second"])
    }

    @Test func neverReplacesWhatIsThere() throws {
        let scratch = try TestFolder()
        try makeDirectory(scratch.path + "/done")
        try durableWrite("mine", to: scratch.path + "/done/a")
        var directory = try DurableDirectory(in: scratch.path, name: "done", temporaryName: ".tmp")
        try directory.add("a", "x")
        do {
            try directory.publish()
            Issue.record("published over an existing directory")
        } catch let error as FileError {
            #expect(error.code == EEXIST)
        }
        try directory.discard()
        #expect(try directoryNames(scratch.path) == ["done"])
        #expect(try readFile(scratch.path + "/done/a") == Array("mine".utf8))
    }

    @Test func startsAfreshOverLeftovers() throws {
        let scratch = try TestFolder()
        try makeDirectory(scratch.path + "/.tmp/deep")
        try durableWrite("old", to: scratch.path + "/.tmp/deep/file")
        let directory = try DurableDirectory(in: scratch.path, name: "d", temporaryName: ".tmp")
        #expect(try directoryNames(directory.temporaryPath) == [])
    }
}

@Suite struct FileLockTests {
    @Test func secondHolderIsRefusedUntilTheFirstIsGone() throws {
        let scratch = try TestFolder()
        let path = scratch.path + "/run.lock"
        do {
            guard let lock = try FileLock.acquire(path) else {
                Issue.record("the first holder was refused")
                return
            }
            try lock.replaceContents("fence 12\n")
            try lock.replaceContents("fence 7\n")
            #expect(try lock.contents() == "fence 7\n")
            if try FileLock.acquire(path) != nil { Issue.record("two holders at once") }
        }
        if try FileLock.acquire(path) == nil { Issue.record("the lock outlived its holder") }
    }
}

@Suite struct AppendFileTests {
    @Test func cutsBackAndGoesOn() throws {
        let scratch = try TestFolder()
        let path = scratch.path + "/metrics.jsonl"
        var offset = 0
        do {
            var file = try AppendFile(path, cutTo: 0)
            try file.append("step 1\n")
            offset = file.offset
            try file.append("step 2\n")
        }
        do {
            var file = try AppendFile(path, cutTo: offset)
            try file.append("step 2 again\n")
            try file.sync()
        }
        #expect(try readFile(path) == Array("step 1\nstep 2 again\n".utf8))
    }

    @Test func refusesAFileShorterThanTheCheckpointSays() throws {
        let scratch = try TestFolder()
        do {
            _ = try AppendFile(scratch.path + "/m", cutTo: 10)
            Issue.record("cut a file to more than its length")
        } catch let error as FileError {
            #expect(error.description.hasSuffix("0 bytes, expected at least 10"))
        }
    }
}

@Suite struct FileTreeTests {
    @Test func removingATreeDoesNotFollowLinks() throws {
        let scratch = try TestFolder()
        try makeDirectory(scratch.path + "/keep")
        try durableWrite("x", to: scratch.path + "/keep/file")
        try makeDirectory(scratch.path + "/gone/sub")
        #expect(symlink(scratch.path + "/keep", scratch.path + "/gone/sub/link") == 0)
        try removeTree(scratch.path + "/gone")
        #expect(try directoryNames(scratch.path) == ["keep"])
        #expect(try directoryNames(scratch.path + "/keep") == ["file"])
    }

    @Test(arguments: [("/a/b", "/a", "b"), ("a", ".", "a"), ("/a", "/", "a")])
    func pathParts(path: String, parent: String, last: String) {
        #expect(parentDirectory(path) == parent)
        #expect(lastComponent(path) == last)
    }
}

@Suite struct FailPointRuleTests {
    @Test(arguments: ["", "name", "name:explode", "name:0:kill", "name:x:kill", ":kill", "a:1:2:kill"])
    func refused(text: String) {
        #expect(FailPoint.Rule(text[...]) == nil)
    }

    @Test func accepted() {
        let always = FailPoint.Rule("checkpoint.rename:kill")
        #expect(always?.occurrence == nil)
        #expect(always?.action == .kill)
        let third = FailPoint.Rule("result.write:3:enospc")
        #expect(third?.name == "result.write")
        #expect(third?.occurrence == 3)
        #expect(third?.action == .fail(ENOSPC))
    }
}
