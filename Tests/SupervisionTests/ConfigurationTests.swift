import JobModel
import TestFolders
import Testing

@testable import Supervision

@Suite("Configuration")
struct ConfigurationTests {
    private let place: TestFolder
    private var root: Root { .under(place.path) }

    init() throws { place = try TestFolder() }

    @Test func withoutFilesEverythingHasItsDefault() throws {
        let (configuration, origins) = try Configuration.load(root)
        #expect(configuration == Configuration())
        #expect(origins.isEmpty)
    }

    @Test func laterFilesWinKeyByKey() throws {
        try place.write(
            """
            model_roots: [/data/models, more]
            cpus: 3
            queues:
              night: {max_running: 1, priority: -5}
            limits: {time_limit: 2d, log_bytes: 2MiB}
            """, to: "hone.yaml")
        try place.make("conf.d")
        try place.write("cpus: 2\nqueues: {night: {max_running: 2}}\n", to: "conf.d/10-night.yaml")
        try place.write("cpus: 99", to: "conf.d/ignored.txt")
        let (configuration, origins) = try Configuration.load(root)
        #expect(configuration.inputRoots(root).models == [root.models, "/data/models", "\(place.path)/more"])
        #expect(configuration.cpus == 2)
        #expect(configuration.queues["night"]?.maxRunning == 2)
        #expect(configuration.queues["night"]?.priority == -5)
        #expect(configuration.timeLimit == Milliseconds(seconds: 2 * 86_400))
        #expect(configuration.hasQueue("night"))
        #expect(!configuration.hasQueue("day"))
        #expect(origins["cpus"] == "\(place.path)/conf.d/10-night.yaml")
        #expect(configuration.shown(origins: origins).contains("cpus: 2    # \(place.path)/conf.d/10-night.yaml"))
        #expect(configuration.shown(origins: origins).contains("limits.queued_per_user: 1000    # default"))
    }

    @Test func allErrorsComeAtOnceWithTheirPlaces() throws {
        try place.write("cpus: many\nmemory: 12\ncpu: 4\nqueues: {night: {max: 1}}\nlimits: 7\n", to: "hone.yaml")
        #expect {
            try Configuration.load(root)
        } throws: { error in
            (error as? ConfigurationErrors)?.lines.map { $0.dropFirst("\(place.path)/hone.yaml:".count) } == [
                "1:7: error: cpus: expected a whole number from 1 to 4096, found \"many\"",
                "2:9: error: memory: expected a size such as 12GiB, found \"12\"",
                "3:1: error: cpu: unknown key; known are admin_groups, allow_groups, allow_users, cpus, "
                    + "dataset_roots, limits, memory, model_roots, preempt_after, progress_interval, queues, reserve_cores",
                "4:18: error: queues.night.max: unknown key; known are max_cpus, max_running, priority",
                "5:9: error: limits: expected keys below it",
            ]
        }
    }

    /// What a specification must not contain, a configuration must not either.
    @Test(
        arguments: zip(
            [
                "a: [", "cpus: 1\ncpus: 2\n", "cpus: 1\n\"cpus\": 2\n", "\u{0}", "cpus: !!int 2\n",
                "cpus: &n 2\nreserve_cores: *n\n",
            ], ["2:1:", "1:1:", "1:1:", "1:1:", "1:7:", "1:7:"]))
    func brokenTextIsAnErrorAtItsPlace(text: String, mark: String) throws {
        try place.write(text, to: "hone.yaml")
        #expect {
            try Configuration.load(root)
        } throws: { error in
            (error as? ConfigurationErrors)?.lines.first?.hasPrefix("\(place.path)/hone.yaml:\(mark) error: ") ?? false
        }
    }

    @Test(arguments: ["", "# nothing yet\n", "queues:\n"]) func aFileThatSaysNothingSetsNothing(text: String) throws {
        try place.write(text, to: "hone.yaml")
        #expect(try Configuration.load(root).origins.isEmpty)
    }
}
