# Every block and every attribute that there is.

network "office" {
  cidrs = ["192.0.2.0/24", "2001:db8::/32"]

  silence "lint/source-hidden" { reason = "in a network" }
}

network "guest-wifi" {
  cidrs   = ["192.168.50.0/24"]
  seen_as = ["198.51.100.20"]
}

security_group "web" {
  ingress {
    ports = "all"
    from  = [network.office, "10.0.0.0/8", security_group.app, instance.app1, anywhere]
  }

  ingress {
    ports = [80, 443, "8000-8100"]
    from  = anywhere
  }

  egress {
    ports = [3000, "8443"]
    to    = ["10.0.0.0/8", security_group.app]
  }

  silence "lint/goes-round-load-balancer" { reason = "in a group" }
}

security_group "app" {
  ingress { ports = 3000  from = security_group.web }
}

instance "app1" {
  addresses        = ["10.0.1.5", "2001:db8::5"]
  public_addresses = ["203.0.113.5"]
  security_groups  = [security_group.app]
  serves          = [22, 80, 8080]
  enforce         = "nftables"

  application "web" {
    port                   = 80
    protocol               = "HTTPS"
    redirects              = "https"
    forward                = "127.0.0.1:3000"
    keep_alive             = "5s"
    trusts_forwarded_proto = true
    cors                   = ["https://shop.example", "*"]
    unit                   = "app.service"
    starts_at_boot         = false

    redirect {
      from   = "/old*"
      to     = "#{protocol}://#{host}:#{port}/new/#{path}?#{query}"
      status = 308
    }

    silence "lint/not-started-at-boot" { reason = "in an application" }
  }

  application "shop" {
    port  = 8080
    nginx = "shop/nginx.conf"
  }

  silence "lint/nginx-not-understood" { reason = "in an instance" }
}

certificate "files" {
  chain         = "site.pem"
  key           = "${env("KEYS", "keys")}/site.key"
  ocsp_response = "site.ocsp"
  names         = ["example.net", "*.example.net"]
}

certificate "kept" {
  imported = true
  names    = ["kept.example.com"]
}

certificate "made" {
  development = true
  names       = ["Example.com", "*.example.com"]

  silence "lint/default-certificate" { reason = "in a certificate" }
}

load_balancer "public" {
  scheme                         = "internet-facing"
  addresses                      = ["127.0.0.1", "::1"]
  security_groups                = [security_group.web]
  deny                           = "page"
  enforce                        = "socket"
  idle_timeout                   = "2m"
  client_keep_alive              = "2h"
  handshake_timeout              = "5s"
  head_timeout                   = 6
  connect_timeout                = "7s"
  desync_mitigation_mode         = "strictest"
  drop_invalid_header_fields     = true
  preserve_host_header           = true
  forwarded_for                  = "preserve"
  forwarded_for_client_port      = true
  tls_version_and_cipher_headers = true
  max_connections                = 5000
  access_log                     = "-"
  connection_log                 = "connections.log"

  listener "http" {
    port = 80

    default {
      redirect {
        status   = 302
        protocol = "HTTPS"
        host     = "www.#{host}"
        port     = "443"
        path     = "/#{path}"
        query    = "#{query}&from=#{host}"
      }
    }
  }

  listener "https" {
    port                  = 443
    protocol              = "https"
    certificates          = [certificate.made, certificate.files]
    tls_policy            = "ELBSecurityPolicy-TLS13-1-3-2021-06"
    server_header         = false
    allow_ambiguous_paths = true
    response_headers      = { "Strict-Transport-Security" = "max-age=63072000" }

    client_certificates {
      mode            = "verify"
      trust_store     = trust_store.staff
      ignore_expiry   = true
      advertise_names = true
    }

    rule "api" {
      priority  = 10
      host      = ["api.example.com", "*.api.example.com"]
      path      = "/v1/*"
      method    = ["GET", "HEAD"]
      source_ip = ["10.0.0.0/8", network.office]

      header {
        name   = "X-Debug"
        values = ["1", "a\\*b", "say \"yes\""]
      }

      header {
        name  = "User-Agent"
        regex = ["^curl/\\d+"]
      }

      query {
        key   = "v"
        value = ["2", "3*"]
      }

      query { value = "any" }

      rewrite {
        host_regex = "^api\\.(.*)$"
        host       = "backend.$1"
        path_regex = "^/v1/(.*)$"
        path       = "/$1"
      }

      forward {
        group {
          target = target_group.app
          weight = 9
        }

        group { target = target_group.app_cookie }
        group { target = target_group.random  weight = 0 }

        stickiness = "1h"
      }
    }

    rule "expressions" {
      host_regex = "^(a|b)\\.example\\.com$"
      path_regex = "^/\\d{3}/"
      forward    = target_group.app_cookie
    }

    rule "fixed" {
      path = "/fixed"

      fixed_response {
        status       = 503
        content_type = "application/json"
        body         = "{\"text\": \"$${x} %%{y} #{host}\",\n\t\"path\": \"\\\\\"}"
      }
    }

    rule "from-file" {
      path = "/file"

      silence "lint/shadowed-rule" { reason = "in a rule" }

      fixed_response {
        status = 200
        body   = file("body.txt")
      }
    }

    default {
      forward = target_group.app
    }

    silence "lint/certificate-does-not-cover" { reason = "in a listener" }
  }

  listener "passing" {
    port     = 8443
    protocol = "TLS_PASSTHROUGH"

    rule "databases" {
      server_name = ["db.example.com", "*.db.example.com"]
      source_ip   = ["10.0.0.0/8"]
      forward     = target_group.passed
    }

    rule "gone" {
      server_name = "old.example.com"
      close       = true
    }

    default {
      close = true
    }
  }

  silence "lint/redirect-to-nowhere" { reason = "in a load balancer" }
}

load_balancer "inside" {
  scheme    = "internal"
  addresses = ["10.0.0.2"]
  deny      = "reset"

  site "example.org" {
    aliases    = ["www.example.org"]
    http_port  = 8080
    https_port = 8443

    rule "assets" {
      path    = "/assets/*"
      forward = target_group.random
    }

    default {
      forward = target_group.app
    }
  }

  site "example.net" {
    certificate = certificate.files
    http_port   = 8080
    https_port  = 8443

    default {
      forward = target_group.app
    }

    silence "lint/open-to-everyone" { reason = "in a site" }
  }
}

target_group "app" {
  protocol                = "HTTPS"
  port                    = 3000
  targets                 = ["10.0.1.6", "[::1]:3001", "app.internal:3002", instance.app1]
  algorithm               = "round_robin"
  slow_start              = "30s"
  deregistration_delay    = "1m"
  minimum_healthy_targets = 2

  verify {
    authorities = "ca.pem"
    name        = "app.internal"
  }

  application {
    protocol = "HTTP"
    answers  = 404
    unit     = "app.service"
  }

  health_check {
    enabled             = false
    protocol            = "HTTP"
    port                = 8081
    path                = "/up?deep=1"
    host                = "health.internal"
    interval            = "5s"
    timeout             = "2s"
    healthy_threshold   = 3
    unhealthy_threshold = 4
    expect              = "200,202-299"
  }

  stickiness {
    type     = "lb_cookie"
    duration = "1h"
  }
}

target_group "app_cookie" {
  targets   = ["10.0.1.7:80"]
  algorithm = "least_outstanding_requests"

  health_check {
    protocol = "TCP"
    port     = "traffic"
  }

  stickiness {
    type     = "app_cookie"
    cookie   = "JSESSIONID"
    duration = "7d"
  }
}

target_group "passed" {
  protocol = "TCP"
  targets  = ["10.0.1.9:8443"]

  health_check {
    protocol = "HTTPS"
    path     = "/up"
  }
}

target_group "random" {
  protocol           = "HTTPS"
  targets            = ["10.0.1.8:443"]
  algorithm          = "weighted_random"
  anomaly_mitigation = true

  verify { authorities = "system" }

  silence "lint/no-targets" { reason = "in a group of targets" }
}

trust_store "staff" {
  authorities      = "staff.pem"
  revocation_lists = ["revoked.pem"]
}

record "shop.example" {
  alias      = load_balancer.public
  visible_to = [network.office]
  ttl        = "5m"

  silence "lint/no-such-address" { reason = "in a record" }
}

record "*.shop.example" {
  addresses = ["203.0.113.10", "2001:db8::10"]
}

record "www.shop.example" {
  cname = "shop.example"
}

zone "example.org" {
  name_servers = ["ns1", "ns2.example.net"]
  primary      = "ns1"
  contact      = "host.master@example.org"
  serial       = 2026112900
  refresh      = "2h"
  retry        = "15m"
  expire       = "14d"
  negative_ttl = "5m"
  ttl          = "1h"
  file         = "example.org.zone"
  signed       = true
  transfer_to  = [network.office, "192.0.2.54"]
  notify       = ["192.0.2.54", "[2001:db8::54]:5353"]

  record "@" {
    alias                  = load_balancer.public
    evaluate_target_health = true
    mx                     = ["10 mail", "20 mail.example.net"]
    txt                    = ["v=spf1 -all"]
    caa                    = ["0 issue \"letsencrypt.org\""]
    https                  = ["1 . alpn=h2"]

    silence "lint/no-such-address" { reason = "in a record of a zone" }
  }

  record "ns1" { addresses = ["203.0.113.53"] }
  record "mail" { addresses = ["203.0.113.25"] }

  record "www" {
    alias  = "@"
    weight = 10
  }

  record "www" {
    addresses     = ["203.0.113.11"]
    weight        = 0
    healthy_while = target_group.app
  }

  record "near" {
    addresses   = ["203.0.113.12"]
    geolocation = [network.office]
  }

  record "near" {
    addresses   = ["203.0.113.13"]
    geolocation = "default"
  }

  record "fast" {
    addresses = ["203.0.113.14"]

    latency {
      from         = network.office
      milliseconds = 12
    }

    latency {
      from         = network.guest-wifi
      milliseconds = 40
    }
  }

  record "safe" {
    addresses = ["203.0.113.15"]
    failover  = "primary"
  }

  record "safe" {
    addresses = ["203.0.113.16"]
    failover  = "secondary"
  }

  record "many" {
    addresses  = ["203.0.113.17"]
    multivalue = true
  }

  record "child" { ns = ["ns.child", "ns.example.net"] }
  record "ns.child" { addresses = ["203.0.113.54"] }
  record "_sip._tcp" { srv = ["0 5 5060 mail"] }
  record "_dns" { svcb = ["1 ns1 port=8053"] }
  record "10.113" { ptr = ["mail"] }

  record "_443._tcp" {
    type   = "TLSA"
    values = ["3 1 1 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"]
    ttl    = "5m"
  }

  silence "lint/private-address-in-public" { reason = "in a zone" }
}

zone "example.org" {
  visible_to = [network.guest-wifi]

  record "inside" { addresses = ["10.0.0.7"] }
}

dns_server {
  addresses  = ["203.0.113.53", "2001:db8::53"]
  port       = 53
  rate_limit = 100
  exempt     = [network.office, "127.0.0.0/8"]
}

page "products" {
  url          = "https://shop.example/products"
  calls        = ["https://shop.example/products?page=2"]
  server_calls = ["http://internal.shop.example:8080/products?page=1"]
  rendered_by  = instance.app1

  silence "lint/mixed-content" { reason = "in a page" }
}

expect "the office gets in, and nobody else" {
  url          = ["https://shop.example/", "https://shop.example/login"]
  method       = "POST"
  headers      = { "X-Test" = "1" }
  works        = [network.office, instance.app1, "192.0.2.7"]
  denied       = [internet]
  status       = "200-299"
  redirects_to = "https://shop.example/login"
}

silence "lint/unused-target-group" { reason = "everywhere" }

authority "letsencrypt" {
  agree_to_terms = true
  contact        = ["mailto:admin@example.com"]
  profile        = "shortlived"
}

certificate "customers" {
  authority = authority.letsencrypt

  on_demand {
    names           = ["*.customers.example.com"]
    ask             = "http://127.0.0.1:9000/allowed"
    orders_per_hour = 20
    max_names       = 1000
  }
}

authority "own" {
  directory      = "https://ca.internal:9000/acme/directory"
  agree_to_terms = true
  roots          = "ca.pem"
  http_port      = 5002
  tls_port       = 5001

  eab {
    key_id = "customer-7"
    key    = file("eab.key")
  }
}

certificate "ordered" {
  names     = ["*.example.com", "example.com"]
  authority = [authority.letsencrypt, authority.own]
  challenge = "dns-01"
  key_kind  = "ecdsa-p384"
}

certificate "ordered-too" {
  names     = ["api.example.com"]
  authority = authority.own
}
