import DurableFiles
import JobModel
import TestFolders
import Testing

@testable import Supervision

/// Control groups on a directory that stands for the kernel's.
@Suite struct ControlGroupTests {
    let place: TestFolder

    init() throws {
        place = try TestFolder()
        try place.make("system.slice/honed.service")
        try kernelFiles(in: "system.slice/honed.service")
        try place.write("cpuset cpu io memory hugetlb pids\n", to: "system.slice/honed.service/cgroup.controllers")
    }

    /// What the kernel puts into every group.
    private func kernelFiles(in group: String) throws {
        for file in ["cgroup.procs", "cgroup.subtree_control", "cgroup.kill"] { try place.write("", to: "\(group)/\(file)") }
    }

    private func groups() throws -> ControlGroups {
        try place.make("system.slice/honed.service/supervisor")
        try kernelFiles(in: "system.slice/honed.service/supervisor")
        return try ControlGroups(delegated: "\(place.path)/system.slice/honed.service", process: 77)
    }

    @Test(arguments: ["0::/system.slice/honed.service\n", "12:cpu:/x\n0::/system.slice/honed.service/supervisor\n"])
    func aDelegatedGroupIsFound(membership: String) {
        #expect(
            ControlGroups.survey(mount: place.path, membership: membership)
                == .delegated("\(place.path)/system.slice/honed.service"))
    }

    @Test(arguments: [
        (nil, "no control groups"), ("4:memory:/x\n", "no control groups"), ("0::/elsewhere\n", "not mounted"),
        ("0::/\n", "not mounted"),
    ])
    func whatIsNotThereIsNamed(membership: String?, word: String) {
        guard case .unavailable(let why) = ControlGroups.survey(mount: place.path, membership: membership) else {
            Issue.record("\(membership ?? "nil") was taken for a delegated group")
            return
        }
        #expect(why.contains(word), "\(why)")
    }

    @Test func aGroupWithoutMemoryIsOfNoUse() throws {
        try place.write("cpuset cpu pids\n", to: "system.slice/honed.service/cgroup.controllers")
        let survey = ControlGroups.survey(mount: place.path, membership: "0::/system.slice/honed.service\n")
        #expect(survey == .unavailable("\(place.path)/system.slice/honed.service lacks memory"))
    }

    /// The daemon itself has gone into a group without a limit; those around it still count.
    @Test func theLeastLimitAroundUsIsOurs() throws {
        try place.make("system.slice/honed.service/supervisor")
        try place.write("max\n", to: "system.slice/honed.service/supervisor/memory.max")
        let membership = "0::/system.slice/honed.service/supervisor\n"
        #expect(Machine.controlGroupLimit(mount: place.path, membership: membership) == nil)
        try place.write("8589934592\n", to: "system.slice/honed.service/memory.max")
        #expect(Machine.controlGroupLimit(mount: place.path, membership: membership) == 8 << 30)
        try place.write("4294967296\n", to: "system.slice/memory.max")
        #expect(Machine.controlGroupLimit(mount: place.path, membership: membership) == 4 << 30)
        #expect(Machine.controlGroupLimit(mount: place.path, membership: "0::/\n") == nil)
        #expect(Machine.controlGroupLimit(mount: place.path, membership: nil) == nil)
    }

    @Test func theDaemonMovesAsideAndHandsControllersDown() throws {
        let groups = try groups()
        #expect(try place.read("system.slice/honed.service/supervisor/cgroup.procs") == "77")
        #expect(try place.read("system.slice/honed.service/cgroup.subtree_control") == "+cpuset +cpu +memory +pids")
        #expect(groups.controllers == ["cpuset", "cpu", "memory", "pids"])
    }

    @Test func anAttemptGetsItsProcessorsAndItsMemory() throws {
        let groups = try groups()
        let group = "system.slice/honed.service/job-12.3"
        try place.make(group)
        try kernelFiles(in: group)
        for file in ["cpuset.cpus", "memory.high", "memory.max", "memory.oom.group", "memory.swap.max"] {
            try place.write("", to: "\(group)/\(file)")
        }
        let (made, refused) = try groups.makeGroup(job: 12, attempt: 3, .init(cpus: [2, 3], memory: 1 << 30))
        #expect(made.path.hasSuffix("/job-12.3"))
        #expect(try place.read("\(group)/cpuset.cpus") == "2,3")
        #expect(try place.read("\(group)/memory.high") == "\(1 << 30)")
        #expect(try place.read("\(group)/memory.max") == "\((1 << 30) + (1 << 30) / 10 + 256 << 20)")
        #expect(try place.read("\(group)/memory.oom.group") == "1")
        // This kernel has no pids.max: said, and the attempt goes on without.
        #expect(refused.count == 1 && refused[0].contains("pids.max"))
        try made.add(4711)
        #expect(try place.read("\(group)/cgroup.procs") == "4711")
    }

    @Test func aFailedLaunchLeavesNoGroup() async throws {
        let launcher = LocalLauncher(executable: "\(place.path)/no-such-program", groups: try groups()) { _ in [] }
        let run = RunDirectory("\(place.path)/run")
        let start = StartCommand(job: 4, fence: 2, runDir: run.path, specSha256: "0", inputs: [:], threads: 1)
        let (orders, _) = AsyncStream<WorkerOrder>.makeStream()
        let exit = await launcher.run(WorkerLaunch(start: start, run: run), orders: orders) { _ in }
        guard case .notLaunched = exit.status else {
            Issue.record("a program that is not there was launched: \(exit)")
            return
        }
        #expect(try place.names("system.slice/honed.service").allSatisfy { !$0.hasPrefix("job-") })
    }

    @Test func whatTheKernelCountedIsPartOfTheVerdict() throws {
        try place.make("g")
        try place.write("1073741824\n", to: "g/memory.peak")
        try place.write("low 0\nhigh 12\nmax 3\noom 1\noom_kill 2\noom_group_kill 1\n", to: "g/memory.events")
        try place.write(
            "some avg10=1.00 avg60=0.50 avg300=0.10 total=2500000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=9\n",
            to: "g/memory.pressure")
        let usage = AttemptGroup(path: "\(place.path)/g").usage
        #expect(usage == GroupUsage(memoryPeak: 1 << 30, outOfMemoryKills: 2, highEvents: 12, pressureMicroseconds: 2_500_000))
        let exit = WorkerExit(.signalled(9), outOfMemoryKills: usage.outOfMemoryKills, group: usage)
        let verdict = AttemptVerdict(exit, result: nil, stop: nil)
        #expect(verdict.ending.outcome == .oom)
        #expect(verdict.detail.contains("1.0 GiB") && verdict.detail.contains("12 times") && verdict.detail.contains("2500 ms"), "\(verdict.detail)")
    }

    @Test func withoutTroubleNothingIsSaid() {
        let exit = WorkerExit(.exited(70), group: GroupUsage(memoryPeak: 5))
        #expect(!AttemptVerdict(exit, result: nil, stop: nil).detail.contains("memory:"))
    }
}
