# expect: line=9 names="ask" fix="?domain=NAME"
authority "letsencrypt" {
  agree_to_terms = true
}

certificate "customers" {
  authority = authority.letsencrypt

  on_demand {
    names = ["*.customers.example"]
  }
}
