//! Who may have how many uploads open, and what gives its place up.

use std::time::Duration;

use protocol::ids::{ProjectId, WholeId};
use protocol::item::Category;
use protocol::outcome::reason;

use super::{Open, Sender, UploadError, Uploads};

/// Uploads that clients may go on with.
pub(super) const OPEN_MAX: usize = 64;
/// Files of envelopes that are not kept yet.
const INLINE_MAX: usize = 1024;
/// One in so many places is a project's at most: who knows one DSN takes nobody else's.
pub(super) const SHARE: usize = 4;
/// How long an upload waits for its next piece, and then for its envelope, while the relay runs.
pub(super) const IDLE_MAX: Duration = Duration::from_hours(24);
/// And so long when its place is wanted.
pub(super) const WANTED_IDLE_MAX: Duration = Duration::from_hours(1);
/// How long a file of an envelope waits for the rest of it, which may have been refused.
const INLINE_IDLE_MAX: Duration = Duration::from_hours(2);

impl Uploads {
    /// Forgets what nobody went on with, and where there is no place left what waits for longest.
    pub(super) async fn make_room(
        &self,
        sender: &Sender,
        is_noted: bool,
    ) -> Result<(), UploadError> {
        let now = sender.now;
        let idle: Vec<WholeId> = {
            let open = self.lock();
            let idle = open.iter().filter(|(_, open)| {
                let most = if open.is_noted {
                    IDLE_MAX
                } else {
                    INLINE_IDLE_MAX
                };
                open.idle(now) > Some(most)
            });
            idle.map(|(id, _)| *id).collect()
        };
        for id in idle {
            self.give_up(id).await;
        }
        while let Some((shortage, of)) = self.shortage(sender.project, is_noted) {
            let longest = self.longest_idle(of, is_noted, now);
            self.give_up(longest.ok_or(shortage)?).await;
        }
        Ok(())
    }

    /// Why no more may be open, and of which project a place would have to be given up; `None` of
    /// any.
    fn shortage(
        &self,
        project: ProjectId,
        is_noted: bool,
    ) -> Option<(UploadError, Option<ProjectId>)> {
        let most = if is_noted { OPEN_MAX } else { INLINE_MAX };
        let open_max = most / SHARE;
        let open = self.lock();
        let like = || open.values().filter(|open| open.is_noted == is_noted);
        let n_own = like().filter(|open| open.state.project == project).count();
        if n_own >= open_max {
            Some((UploadError::Share { open_max }, Some(project)))
        } else if like().count() >= most {
            Some((UploadError::TooMany, None))
        } else {
            None
        }
    }

    /// The one that waits for longest, and long enough to give its place up.
    fn longest_idle(
        &self,
        of: Option<ProjectId>,
        is_noted: bool,
        now: Duration,
    ) -> Option<WholeId> {
        let open = self.lock();
        let like = open.iter().filter(|(_, open)| {
            open.is_noted == is_noted && of.is_none_or(|of| open.state.project == of)
        });
        let idle = like.filter_map(|(id, open)| Some((open.idle(now)?, *id)));
        let (idle, id) = idle.max()?;
        (idle > WANTED_IDLE_MAX).then_some(id)
    }

    /// Forgets what nobody went on with, and counts it. A file of an envelope was refused, and so
    /// counted, with its envelope.
    async fn give_up(&self, id: WholeId) {
        let known = self.lock().get(&id).cloned();
        if let Some(known) = known.filter(|known| known.is_noted) {
            let (project, category) = (Some(known.state.project), Category::Attachment);
            let ledger = &self.0.ledger;
            ledger.refused(project, category, reason::UPLOAD_FAILED, 1);
        }
        self.forget(id).await;
    }
}

impl Open {
    /// How long nobody has gone on with it; `None` while somebody does.
    fn idle(&self, now: Duration) -> Option<Duration> {
        (!self.is_busy).then(|| now.saturating_sub(self.touched))
    }
}
