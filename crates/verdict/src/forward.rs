//! Which target group a forward action draws (ALB.md §4c).

use model::{Forward, GroupId, Refusal};

/// `sticky` is the group a valid `AWSALBTG` cookie names; it stands while the action still gives it
/// weight. There is no failover to another group if the drawn one is empty. `draw` is uniform.
pub fn choose_group(
    forward: &Forward,
    sticky: Option<GroupId>,
    draw: u64,
) -> Result<GroupId, Refusal> {
    if let [only] = forward.groups[..] {
        return if only.weight > 0 { Ok(only.group) } else { Err(Refusal::RouteNoWeight) };
    }
    if forward.stickiness.is_some()
        && let Some(kept) = forward.groups.iter().find(|g| Some(g.group) == sticky && g.weight > 0)
    {
        return Ok(kept.group);
    }
    let total: u64 = forward.groups.iter().map(|g| u64::from(g.weight)).sum();
    let mut at = draw.checked_rem(total).ok_or(Refusal::RouteNoWeight)?;
    for group in &forward.groups {
        match at.checked_sub(u64::from(group.weight)) {
            Some(rest) => at = rest,
            None => return Ok(group.group),
        }
    }
    Err(Refusal::RouteNoWeight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{GroupStickiness, Seconds, WeightedGroup};

    fn forward(weights: &[u16], sticky: bool) -> Forward {
        let groups = weights
            .iter()
            .enumerate()
            .map(|(i, weight)| WeightedGroup { group: GroupId(i as u32), weight: *weight })
            .collect();
        Forward { groups, stickiness: sticky.then_some(GroupStickiness { duration: Seconds(60) }) }
    }

    #[test]
    fn draws_by_weight() {
        let action = forward(&[1, 0, 3], false);
        let mut counts = [0; 3];
        for draw in 0..400 {
            counts[choose_group(&action, Some(GroupId(0)), draw).unwrap().0 as usize] += 1;
        }
        assert_eq!(counts, [100, 0, 300]);
    }

    #[test]
    fn stickiness_and_nothing_to_draw() {
        let action = forward(&[1, 0, 3], true);
        assert_eq!(choose_group(&action, Some(GroupId(0)), 2), Ok(GroupId(0)));
        assert_eq!(choose_group(&action, Some(GroupId(1)), 2), Ok(GroupId(2)));
        assert_eq!(choose_group(&forward(&[0], false), None, 0), Err(Refusal::RouteNoWeight));
        assert_eq!(choose_group(&forward(&[0, 0], false), None, 0), Err(Refusal::RouteNoWeight));
    }
}
