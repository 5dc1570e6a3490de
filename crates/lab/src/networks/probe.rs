//! Every expectation, from every network that it speaks of, with real packets.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::IpAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use config::Style;
use explain::{Atlas, Request, asker_words, only_other_family};
use model::{Asker, Deny, Expectation, Model, Place, Url};
use world::World;

use super::ask::{Answers, Job, Redirects};
use super::exec::Door;
use super::failed::{LabFailed, io};
use super::hosts::with_facts;
use super::plan::{Client, Plan, clients, plan};
use super::state::{Folder, PlaceState, Running};
use super::up::{read, running};
use crate::client::Seen;

/// How long targets may take to be judged after the start.
const JUDGED_LIMIT: Duration = Duration::from_secs(15);

/// One request and what came of it.
#[derive(Clone, Debug)]
pub struct Finding {
    pub expectation: String,
    pub place: Place,
    pub url: String,
    /// `guest-wifi (10.20.0.0/16)`.
    pub asker: String,
    /// Whose address it was asked from.
    pub client: IpAddr,
    pub expected: String,
    pub seen: String,
    pub holds: bool,
}

/// Asks everything at once, in the order of the expectations. To be called before there is a second
/// thread.
pub fn probe(state: &Path, program: &Path, style: Style) -> Result<Vec<Finding>, LabFailed> {
    let state = std::path::absolute(state).map_err(io("find the state directory"))?;
    let folder = Folder::of(&state);
    let running = running(&folder)?;
    let world = read(&running.file, style)?;
    let plan = plan(&world).map_err(LabFailed::Holder)?;
    let questions = questions(&world, &plan, &folder);
    let places = places(&plan, &running, &questions)?;
    await_judged(&folder);
    let answers = ask_all(&running, &places, &questions, program)?;
    let found = questions.iter().zip(answers);
    Ok(found.map(|(question, answers)| question.judge(&world.model, &answers)).collect())
}

// === what is asked ===

struct Question<'m> {
    expectation: &'m Expectation,
    wanted: Wanted,
    asker: Asker,
    client: Client,
    job: Job,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Works,
    Denied,
}

fn questions<'m>(world: &'m World, plan: &Plan, folder: &Folder) -> Vec<Question<'m>> {
    let atlas = Atlas::of(world);
    let mut questions = Vec::new();
    for expectation in &world.model.expectations {
        let works = expectation.works.iter().map(|asker| (Wanted::Works, *asker));
        let denied = expectation.denied.iter().map(|asker| (Wanted::Denied, *asker));
        let all: Vec<(Wanted, Asker)> = works.chain(denied).collect();
        for url in &expectation.urls {
            for (wanted, asker) in &all {
                for client in askers(&atlas, plan, *asker, url) {
                    let follows = *wanted == Wanted::Works;
                    let job = Job {
                        url: url.to_string(),
                        method: expectation.method.clone(),
                        headers: expectation.headers.clone(),
                        client: client.address,
                        seen_as: client.seen_as,
                        redirects: if follows { Redirects::Followed } else { Redirects::Kept },
                        authority: folder.authority(),
                    };
                    let wanted = *wanted;
                    questions.push(Question { expectation, wanted, asker: *asker, client, job });
                }
            }
        }
    }
    questions
}

/// Those who would ask, as `explain` has it.
fn askers(atlas: &Atlas<'_>, plan: &Plan, asker: Asker, url: &Url) -> Vec<Client> {
    let mut all = clients(plan, atlas, asker);
    let request = Request::get(url.clone());
    let asks = |client: &Client| {
        let Some(known) = atlas.client(client.address) else { return true };
        let ask = request.ask(&known);
        !with_facts(atlas.world, |facts| only_other_family(atlas.world, facts, &ask))
    };
    if all.iter().any(asks) {
        all.retain(asks);
    }
    all
}

/// The running place of each node that is asked from.
fn places<'r>(
    plan: &Plan,
    running: &'r Running,
    questions: &[Question<'_>],
) -> Result<BTreeMap<usize, &'r PlaceState>, LabFailed> {
    let mut places = BTreeMap::new();
    for client in questions.iter().map(|question| question.client) {
        let node = &plan.nodes[client.node];
        let known = |place: &&PlaceState| node.addresses == place.addresses;
        let place = running.place(&node.name).filter(known).ok_or_else(|| LabFailed::Unknown {
            what: format!(
                "`{}` has changed in the configuration since the lab was built",
                node.name
            ),
            hint: "build it again: `pointsman lab down`, then `pointsman lab up`".to_owned(),
        })?;
        places.insert(client.node, place);
    }
    Ok(places)
}

/// Until the first health checks are over. A target that stays without a verdict is one of the facts.
fn await_judged(folder: &Folder) {
    let end = Instant::now() + JUDGED_LIMIT;
    while Instant::now() < end {
        let Ok(status) = control::client::status(&folder.control_socket()) else { return };
        let mut targets = status
            .target_groups
            .iter()
            .filter(|group| group.in_use)
            .flat_map(|group| &group.targets);
        if !targets.any(|target| target.state == "initial") {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Every place asks on its own, all at the same time.
fn ask_all(
    running: &Running,
    places: &BTreeMap<usize, &PlaceState>,
    questions: &[Question<'_>],
    program: &Path,
) -> Result<Vec<Answers>, LabFailed> {
    let door = Door::open(running, &places.values().copied().collect::<Vec<_>>())?;
    door.step_in()?;
    let mut asking = Vec::new();
    for (at, node) in places.keys().enumerate() {
        door.enter(at)?;
        let mut command = Command::new(program);
        command.args(["lab", "ask"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        net::namespace::die_with_parent(&mut command);
        let mut child = command.spawn().map_err(io("start a client in the lab"))?;
        let own: Vec<usize> =
            (0..questions.len()).filter(|at| questions[*at].client.node == *node).collect();
        let jobs: Vec<&Job> = own.iter().map(|at| &questions[*at].job).collect();
        let jobs = serde_json::to_vec(&jobs).map_err(|e| LabFailed::Holder(e.to_string()))?;
        // Its end of the pipe closes here: that is how the client knows that this was all.
        let mut input = child.stdin.take();
        if let Some(input) = &mut input {
            input.write_all(&jobs).map_err(io("tell a client in the lab what to ask"))?;
        }
        drop(input);
        asking.push((own, child));
    }
    let mut all: Vec<Answers> = vec![Vec::new(); questions.len()];
    for (own, child) in asking {
        let output = child.wait_with_output().map_err(io("wait for a client in the lab"))?;
        let answers: Vec<Answers> = serde_json::from_slice(&output.stdout)
            .map_err(|error| LabFailed::Holder(format!("a client in the lab failed: {error}")))?;
        for (at, answers) in own.into_iter().zip(answers) {
            all[at] = answers;
        }
    }
    Ok(all)
}

// === what it means ===

impl Question<'_> {
    fn judge(&self, model: &Model, answers: &[Seen]) -> Finding {
        let broken = match self.wanted {
            Wanted::Works => unlike(self.expectation, answers),
            Wanted::Denied => (!denied(model, answers)).then(|| DENIED.to_owned()),
        };
        let holding = || match self.wanted {
            Wanted::Works => wanted(self.expectation),
            Wanted::Denied => DENIED.to_owned(),
        };
        let seen: Vec<String> = answers.iter().map(short).collect();
        Finding {
            expectation: self.expectation.name.clone(),
            place: self.expectation.place.clone(),
            url: self.job.url.clone(),
            asker: asker_words(model, self.asker),
            client: self.job.client,
            holds: broken.is_none(),
            expected: broken.unwrap_or_else(holding),
            seen: seen.join(", then "),
        }
    }
}

const DENIED: &str = "refused at admission";
const WORKS: &str = "an answer below 400";

/// As `explain` judges what it predicts (DECISIONS 5): what is missing, in the same words.
fn unlike(expectation: &Expectation, answers: &[Seen]) -> Option<String> {
    if let Some(to) = &expectation.redirects_to {
        let leads = match answers.first() {
            Some(Seen::Answer { location: Some(location), .. }) => {
                expectation.urls.iter().any(|url| url.join(location).as_ref() == Ok(to))
            }
            _ => false,
        };
        if !leads {
            return Some(format!("a redirect to {to}"));
        }
    }
    let status = answers.last().and_then(Seen::status);
    let fits = match &expectation.status {
        Some(wanted) => status.is_some_and(|status| wanted.contains(status)),
        None => status.is_some_and(|status| status < 400),
    };
    (!fits).then(|| wanted(expectation))
}

fn wanted(expectation: &Expectation) -> String {
    let one = |(first, last): &(u16, u16)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    };
    match (&expectation.status, &expectation.redirects_to) {
        (Some(wanted), _) => {
            format!("status {}", wanted.0.iter().map(one).collect::<Vec<_>>().join(","))
        }
        (None, Some(to)) => format!("a redirect to {to}"),
        (None, None) => WORKS.to_owned(),
    }
}

/// From outside, a security group is silence; a reset or a page only where a load balancer says so
/// instead.
fn denied(model: &Model, answers: &[Seen]) -> bool {
    let says = |deny| model.load_balancers.iter().any(|lb| lb.deny == deny);
    match answers {
        [Seen::TimedOut | Seen::Silence] => true,
        [Seen::Refused | Seen::Closed] => says(Deny::Reset),
        [Seen::Answer { status: 403, .. }] => says(Deny::Page),
        _ => false,
    }
}

fn short(seen: &Seen) -> String {
    match seen {
        Seen::Answer { status, location: Some(location), .. } => format!("{status} → {location}"),
        Seen::Answer { status, location: None, .. } => status.to_string(),
        other => other.to_string(),
    }
}
