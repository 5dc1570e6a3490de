use std::collections::BTreeSet; use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr}; use std::ops::ControlFlow; use std::sync::Arc;
use model::*; use verdict::admit::*; use verdict::route::*;
pub struct World { pub generation: u64, pub model: Arc<Model>, tables: Vec<ListenerTable>, ingress: Vec<Admission>, egress: Vec<Admission>, used: BTreeSet<GroupId> }
pub struct ListenerTable { model: Arc<Model>, id: ListenerId }
impl RuleTable for ListenerTable {
 fn rules(&self) -> &[Rule] { &self.model[self.id].rules } fn default_action(&self) -> &Action { &self.model[self.id].default_action } fn allow_ambiguous_paths(&self) -> bool { self.model[self.id].attributes.allow_ambiguous_paths }
 fn candidates<H: Headers + ?Sized>(&self, _: &RequestFacts<'_, H>, each: &mut dyn FnMut(usize) -> ControlFlow<()>) { for i in 0..self.rules().len() { if each(i).is_break() { return } } }
}
pub fn compile(model: Model, generation: u64) -> World {
 let model = Arc::new(model);
 let tables = (0..model.listeners.len()).map(|i| ListenerTable { model: model.clone(), id: ListenerId(i as u32) }).collect();
 let peers = |p: &Peer| -> Vec<ipnet::IpNet> { match p { Peer::Cidr(n) => vec![*n], Peer::Network(n) => model[*n].cidrs.clone(), Peer::Anywhere => vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()], Peer::Instance(i) => model[*i].addresses.iter().map(|a| (*a).into()).collect(), Peer::SecurityGroup(g) => model.instances.iter().filter(|i| i.security_groups.contains(g)).flat_map(|i| i.addresses.iter().map(|a| (*a).into())).collect() } };
 let rules = |g: &SecurityGroup, rs: &[SecurityRule]| -> Vec<AdmissionRule> { rs.iter().map(|r| AdmissionRule { group: g.name.clone(), ports: r.ports.clone(), peers: r.peers.iter().flat_map(peers).collect(), place: r.place.clone() }).collect() };
 let ingress = model.load_balancers.iter().map(|lb| Admission { open: lb.security_groups.is_empty(), rules: lb.security_groups.iter().flat_map(|g| rules(&model[*g], &model[*g].ingress)).collect() }).collect();
 let egress = model.load_balancers.iter().map(|lb| Admission { open: lb.security_groups.is_empty() || lb.security_groups.iter().any(|g| model[*g].egress.is_none()), rules: lb.security_groups.iter().flat_map(|g| rules(&model[*g], model[*g].egress.as_deref().unwrap_or(&[]))).collect() }).collect();
 let mut used = BTreeSet::new();
 for l in &model.listeners { for a in l.rules.iter().map(|r| &r.action).chain([&l.default_action]) { if let Action::Forward(f) = a { used.extend(f.groups.iter().map(|g| g.group)); } } }
 World { generation, tables, ingress, egress, used, model }
}
impl World {
 pub fn table(&self, l: ListenerId) -> &ListenerTable { &self.tables[l.0 as usize] }
 pub fn ingress(&self, l: LoadBalancerId) -> &Admission { &self.ingress[l.0 as usize] }
 pub fn egress(&self, l: LoadBalancerId) -> &Admission { &self.egress[l.0 as usize] }
 pub fn addresses(&self, l: ListenerId) -> Vec<SocketAddr> { let li = &self.model[l]; let lb = &self.model[li.load_balancer]; let a: Vec<IpAddr> = if lb.addresses.is_empty() { vec![Ipv6Addr::UNSPECIFIED.into(), Ipv4Addr::UNSPECIFIED.into()] } else { lb.addresses.clone() }; a.into_iter().map(|a| SocketAddr::new(a, li.port)).collect() }
 pub fn listener_at(&self, a: SocketAddr) -> Option<ListenerId> { (0..self.model.listeners.len()).map(|i| ListenerId(i as u32)).find(|l| self.addresses(*l).contains(&a)) }
 pub fn group_in_use(&self, g: GroupId) -> bool { self.used.contains(&g) }
}
pub fn lint(_: &Model, _: &dyn Fn(CertificateId) -> Option<Vec<String>>) -> Vec<Finding> { Vec::new() }
