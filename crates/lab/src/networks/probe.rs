//! Every expectation, from every network that it speaks of, with real packets.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use config::Style;
use explain::{Atlas, Facts, Request, only_other_family};
use model::{Asker, Url};
use world::World;

use super::ask::{Answers, Asking, Job};
use super::exec::Door;
use super::failed::{LabFailed, io};
use super::hosts::with_facts;
use super::plan::{Client, Plan, clients, plan};
use super::state::{Folder, PlaceState, Running};
use super::up::{read, running};
use crate::expectations::{Finding, Wish, wishes};

/// How long targets may take to be judged after the start.
const JUDGED_LIMIT: Duration = Duration::from_secs(15);

/// Asks everything at once, in the order of the expectations. To be called before there is a second
/// thread.
pub fn probe(state: &Path, program: &Path, style: Style) -> Result<Vec<Finding>, LabFailed> {
    let state = std::path::absolute(state).map_err(io("find the state directory"))?;
    let folder = Folder::of(&state);
    let running = running(&folder)?;
    let world = read(&running.file, style)?;
    let plan = plan(&world).map_err(LabFailed::Holder)?;
    let questions = questions(&world, &plan);
    let places = places(&plan, &running, &questions)?;
    await_judged(&folder);
    let answers = ask_all(&running, &folder, &places, &questions, program)?;
    let found = questions.iter().zip(answers);
    let judged =
        found.map(|(question, answers)| question.wish.judge(&world.model, &question.job, &answers));
    Ok(judged.collect())
}

// === what is asked ===

struct Question<'m> {
    wish: Wish<'m>,
    client: Client,
    job: Job,
}

fn questions<'m>(world: &'m World, plan: &Plan) -> Vec<Question<'m>> {
    let atlas = Atlas::of(world);
    let mut questions = Vec::new();
    for wish in wishes(&world.model) {
        for client in askers(&atlas, plan, wish.asker, wish.url) {
            let job = wish.job(client.address, client.seen_as);
            questions.push(Question { wish, client, job });
        }
    }
    questions
}

/// Those who would ask, as `explain` has it.
fn askers(atlas: &Atlas<'_>, plan: &Plan, asker: Asker, url: &Url) -> Vec<Client> {
    let mut all = clients(plan, atlas, asker);
    let request = Request::get(url.clone());
    let asks = |client: &Client| {
        let known = atlas.clients(client.address);
        let other_family = |facts: &Facts<'_>| {
            known.iter().all(|known| only_other_family(atlas.world, facts, &request.ask(known)))
        };
        known.is_empty() || !with_facts(atlas.world, other_family)
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
    folder: &Folder,
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
        let jobs = own.iter().map(|at| questions[*at].job.clone()).collect();
        let jobs = Asking { authority: folder.authority(), jobs };
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
