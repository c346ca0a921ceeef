//! When something is due: crontab and intervals.
