//! What is changed in the course of a story: by its owner, or as an explanation shows it.

use std::fs;
use std::process::Command;

use super::{FILE, Place, Theatre, unexpected};
use crate::Failed;

impl Theatre {
    /// Applies the fixes that `explain` shows, exactly as it shows them, and has them read.
    pub fn mend(&mut self, url: &str, from: &str) -> Result<(), Failed> {
        let output = Command::new(&self.setting.program)
            .args(["explain", url, "--from", from, "--json", "--config", FILE])
            .current_dir(&self.folder)
            .output()
            .map_err(|e| Failed::Io("run the program", e))?;
        let report: serde_json::Value = serde_json::from_slice(&output.stdout)
            .map_err(|e| unexpected(url, "a report", &e.to_string()))?;
        let fixes = report["fixes"].as_array().cloned().unwrap_or_default();
        if fixes.is_empty() {
            return Err(unexpected(url, "a fix", &report.to_string()));
        }
        let mut lines: Vec<String> = self.text.lines().map(str::to_owned).collect();
        // From the end, so that the numbers of the lines above stay right.
        let mut diffs: Vec<(usize, Vec<String>)> = Vec::new();
        for fix in &fixes {
            let said = fix["diff"].as_array().cloned().unwrap_or_default();
            let said: Vec<String> =
                said.iter().filter_map(|line| Some(line.as_str()?.to_owned())).collect();
            let place = said.first().and_then(|place| place.rsplit(':').next()?.parse().ok());
            let Some(at) = place else { return Err(unexpected(url, "a diff", &format!("{fix}"))) };
            diffs.push((at, said));
        }
        diffs.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        for (at, said) in &diffs {
            let removed = said.iter().filter(|line| line.starts_with("- ")).count();
            let added = said[1..].iter().filter(|line| line.starts_with('+'));
            let added: Vec<String> =
                added.map(|line| line.get(2..).unwrap_or_default().to_owned()).collect();
            lines.splice(at - 1..at - 1 + removed, added);
            let (first, rest) = said.split_at(1);
            let file = first[0].rsplit('/').next().unwrap_or(FILE);
            self.tell(file);
            rest.iter().for_each(|line| self.tell(line));
        }
        self.text = lines.join("\n") + "\n";
        self.write()?;
        self.reload()
    }

    /// The file as the story has it, and as the program reads it.
    fn write(&self) -> Result<(), Failed> {
        fs::write(self.file(), &self.text).map_err(|e| Failed::Io("write a configuration", e))?;
        match &self.place {
            Place::Lab => Ok(()),
            Place::Loopback(loopback) => loopback.write(&self.text, &self.folder),
        }
    }

    /// A block more at the end of the file.
    pub fn expect(&mut self, name: &str, url: &str, works: &str) -> Result<(), Failed> {
        let block = format!("expect \"{name}\" {{\n  url   = \"{url}\"\n  works = {works}\n}}\n");
        for line in block.lines() {
            self.tell(&format!("+ {line}"));
        }
        self.text = format!("{}\n{block}", self.text);
        self.write()?;
        self.reload()
    }

    /// Blocks more at the end of the file.
    pub fn append(&mut self, blocks: &str) -> Result<(), Failed> {
        for line in blocks.lines() {
            self.tell(&format!("+ {line}"));
        }
        self.text = format!("{}\n{blocks}", self.text);
        self.write()
    }

    /// An edit that the program does not take: it says why, and the file is as before.
    pub fn refused_edit(&mut self, before: &str, after: &str) -> Result<(), Failed> {
        let kept = self.text.clone();
        self.edit(before, after)?;
        let said = self.run(&["reload"])?;
        self.text = kept;
        self.write()?;
        match said.contains("lint/expectation-broken") {
            true => Ok(()),
            false => Err(unexpected("reload", "a refusal", &said)),
        }
    }

    /// The owner edits the file; the lines are told.
    pub fn edit(&mut self, before: &str, after: &str) -> Result<(), Failed> {
        if !self.text.contains(before) {
            return Err(unexpected("the configuration", before, &self.text));
        }
        let told = |own: &str, other: &str, mark: &str| {
            let same = |line: &&str| !other.lines().any(|l| l == *line);
            for line in own.lines().filter(same) {
                self.tell(&format!("{mark} {line}"));
            }
        };
        told(before, after, "-");
        told(after, before, "+");
        self.text = self.text.replacen(before, after, 1);
        self.write()
    }

    /// Has the program read its file again, which it has to take.
    pub fn reload(&self) -> Result<(), Failed> {
        let output = self.program(&["reload"], &self.state())?;
        match output.status.success() {
            true => Ok(()),
            false => {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                Err(unexpected("reload", "success", &said))
            }
        }
    }

    /// Names and addresses are built anew: for what a reload of the program cannot change.
    pub fn rebuild(&mut self) -> Result<(), Failed> {
        self.strike();
        self.raise()
    }

    /// Until the first target of a group is in a state.
    pub fn await_target(&self, group: &str, state: &str) -> Result<(), Failed> {
        self.until(&format!("a target of {group} to be {state}"), |theatre| {
            let status = theatre.status()?;
            let groups = status["target_groups"].as_array()?;
            let group = groups.iter().find(|one| one["name"] == group)?;
            let all = group["targets"].as_array()?;
            all.iter().any(|target| target["state"] == state).then_some(())
        })
    }
}
