# expect: line=7 names="#{hots}" fix="#{host}"
target_group "app" {
  targets = ["10.0.1.5:80"]
  application {
    redirect {
      from = "/old"
      to   = "https://#{hots}/new"
    }
  }
}
