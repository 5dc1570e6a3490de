use crate::{
    Authority, Certificate, DnsServer, Expectation, Instance, Listener, LoadBalancer, Network,
    Page, Record, SecurityGroup, Shared, Silence, TargetGroup, TrustStore, Zone,
};

macro_rules! ids {
    ($($(#[doc = $doc:literal])+ $id:ident, $noun:ident, $list:ident;)+) => {
        $(
            $(#[doc = $doc])+
            #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
            pub struct $id(pub u32);

            impl std::ops::Index<$id> for Model {
                type Output = $noun;
                fn index(&self, id: $id) -> &$noun {
                    &self.$list[id.0 as usize]
                }
            }
        )+
    };
}

/// Everything that was declared. References are ids into these lists: whoever builds a `Model`
/// makes sure that they exist.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub networks: Shared<Network>,
    pub security_groups: Shared<SecurityGroup>,
    pub instances: Shared<Instance>,
    pub authorities: Shared<Authority>,
    pub certificates: Shared<Certificate>,
    pub load_balancers: Shared<LoadBalancer>,
    pub listeners: Shared<Listener>,
    pub target_groups: Shared<TargetGroup>,
    pub trust_stores: Shared<TrustStore>,
    pub zones: Shared<Zone>,
    pub records: Shared<Record>,
    pub dns_server: Option<DnsServer>,
    pub pages: Shared<Page>,
    pub expectations: Shared<Expectation>,
    pub silences: Shared<Silence>,
}

ids! {
    /// Index into [`Model::networks`].
    NetworkId, Network, networks;
    /// Index into [`Model::security_groups`].
    SecurityGroupId, SecurityGroup, security_groups;
    /// Index into [`Model::instances`].
    InstanceId, Instance, instances;
    /// Index into [`Model::authorities`].
    AuthorityId, Authority, authorities;
    /// Index into [`Model::certificates`].
    CertificateId, Certificate, certificates;
    /// Index into [`Model::load_balancers`].
    LoadBalancerId, LoadBalancer, load_balancers;
    /// Index into [`Model::listeners`].
    ListenerId, Listener, listeners;
    /// Index into [`Model::target_groups`].
    GroupId, TargetGroup, target_groups;
    /// Index into [`Model::zones`].
    ZoneId, Zone, zones;
    /// Index into [`Model::records`].
    RecordId, Record, records;
    /// Index into [`Model::trust_stores`].
    TrustStoreId, TrustStore, trust_stores;
}
