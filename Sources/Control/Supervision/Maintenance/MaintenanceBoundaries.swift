import DurableFiles

/// Every boundary at which a person's act on the queue may be cut off. A test walks this list.
package enum MaintenanceBoundary: String, Sendable, CaseIterable {
    case afterDraft = "rebuild.after_draft"
    case afterJobs = "rebuild.after_jobs"
    case afterClose = "rebuild.after_close"
    case afterSettingAside = "rebuild.after_setting_aside"
    case afterPublish = "rebuild.after_publish"
    case backupBeforePublish = "backup.before_publish"
    case backupAfterPublish = "backup.after_publish"

    /// The act got here.
    package func reach() { FailPoint.reach(rawValue) }
}
