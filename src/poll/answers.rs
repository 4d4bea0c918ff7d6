//! What GraphQL answers to an errand is taken in; what was too much for it is asked in smaller parts.

use super::Poller;
use super::graphql::{Node, Page};
use super::plan::List;
use super::schedule::{Errand, Moment, Position, Purpose};
use super::turn::Asking;

impl Poller {
    /// Takes in what a part of a request was answered.
    pub(super) fn take_page(
        &mut self,
        asking: &mut Asking,
        errand: &Errand,
        at: Moment,
        page: Page,
    ) {
        let (mut ids, mut times) = (Vec::new(), Vec::new());
        for node in page.nodes {
            match node {
                Node::Found(found) => {
                    ids.push(found.identity.id);
                    let again = matches!(errand.purpose, Purpose::Sweep(_));
                    let id = found.identity.id;
                    self.learn(asking, *found, at, again);
                    self.schedule.sound(id);
                }
                Node::Moved {
                    id,
                    activity,
                    readings,
                } => {
                    ids.push(id);
                    self.moved(asking, id, activity, &readings);
                    self.schedule.followed_up(id, at);
                    self.schedule
                        .noticed(&mut asking.turn, id, activity, at, None);
                }
                Node::Seen {
                    id,
                    activity,
                    path,
                    archived,
                    pipelines,
                } => {
                    ids.push(id);
                    times.push((id, activity));
                    if errand.purpose == Purpose::Glance {
                        let known = self.projects.get(&id).map(|project| &project.identity);
                        let other = known.is_none_or(|known| {
                            path.is_some_and(|path| *path != *known.path)
                                || archived != known.archived
                        });
                        self.schedule.glanced_at(id, at);
                        if other || pipelines.unwrap_or_default() > 0 {
                            self.schedule.want(id);
                        } else {
                            self.schedule
                                .noticed(&mut asking.turn, id, activity, at, None);
                        }
                    }
                }
            }
        }
        match errand.purpose {
            Purpose::Sweep(index) => {
                self.progress.add(ids.len());
                self.note_there(index);
                let next = page.next.map(Position::Cursor);
                let gone = self.schedule.swept(&mut asking.turn, index, at, &ids, next);
                self.remove(gone);
            }
            Purpose::Look(index) => {
                self.schedule
                    .looked(&mut asking.turn, index, at, &times, page.next);
            }
            Purpose::Follow | Purpose::Glance | Purpose::Read => {
                let List::Ids(asked) = &errand.part.list else {
                    return;
                };
                for id in asked.iter().filter(|id| !ids.contains(id)) {
                    match errand.purpose {
                        // Asked for by its id alone, and not shown: it is gone, or hidden from us.
                        Purpose::Read => self.remove(vec![*id]),
                        _ => self.schedule.want(*id),
                    }
                }
            }
        }
    }

    /// Asks for less after GitLab could not manage a part.
    pub(super) async fn take_less(&mut self, asking: &mut Asking, errand: Errand, at: Moment) {
        let asker = self.asker(asking.deadline);
        match (errand.purpose, &errand.part.list) {
            (Purpose::Sweep(index), _) => match asker.light(&errand.part).await {
                Ok(page) => self.take_suspects(asking, index, at, page),
                Err(error) => self.fail(asking, vec![errand], error).await,
            },
            (Purpose::Look(index), _) => self.schedule.look_failed(&mut asking.turn, index, false),
            (_, List::Ids(ids)) if ids.len() > 1 => self.schedule.halve(&mut asking.turn, &errand),
            (Purpose::Read, _) => match asker.light(&errand.part).await {
                Ok(page) => {
                    for node in page.nodes {
                        if let Node::Found(found) = node {
                            let id = found.identity.id;
                            self.learn(asking, *found, at, false);
                            self.schedule.broke(id, at);
                        }
                    }
                }
                Err(error) => self.fail(asking, vec![errand], error).await,
            },
            (_, List::Ids(ids)) => ids.iter().for_each(|id| self.schedule.want(*id)),
            _ => {}
        }
    }

    /// Somebody on a page breaks it. The list goes on behind it, and those who are on it are asked by
    /// halves until it is known who it is.
    fn take_suspects(&mut self, asking: &mut Asking, index: usize, at: Moment, page: Page) {
        let mut ids = Vec::new();
        for node in page.nodes {
            if let Node::Found(mut found) = node {
                let id = found.identity.id;
                ids.push(id);
                found.failed.clear(); // They are asked by halves, not one by one.
                self.learn(asking, *found, at, false);
            }
        }
        let next = page.next.map(Position::Cursor);
        let gone = self.schedule.swept(&mut asking.turn, index, at, &ids, next);
        self.remove(gone);
        self.note_there(index);
        self.schedule.suspect(&mut asking.turn, &ids, at);
    }
}
