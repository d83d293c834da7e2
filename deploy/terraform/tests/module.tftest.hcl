# terraform test: the module with a mocked provider.
mock_provider "google" {
  mock_data "google_project" {
    defaults = {
      number = "123456789"
    }
  }
}

variables {
  project       = "my-project"
  image_version = "v1.0.0"
}

run "defaults" {
  command = plan

  assert {
    condition     = output.url == "https://gateway-123456789.europe-west1.run.app"
    error_message = "Without a domain, the URL is that of Cloud Run."
  }
  assert {
    condition     = length(google_cloud_run_domain_mapping.gateway) == 0 && length(google_monitoring_notification_channel.email) == 0
    error_message = "There is a mapping without a domain, or a channel without an address."
  }
  assert {
    condition     = alltrue([for s in google_cloud_run_v2_service.service : s.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY"])
    error_message = "A service is reached from outside."
  }
}

run "own_domain" {
  command = plan
  variables {
    domain      = "api.example.com"
    alert_email = "ops@example.com"
  }

  assert {
    condition     = output.url == "https://api.example.com" && google_cloud_run_domain_mapping.gateway[0].spec[0].route_name == "gateway"
    error_message = "The domain is not mapped to the gateway."
  }
  assert {
    condition     = contains(google_cloud_run_v2_service.gateway.template[0].containers[0].env[*].value, "https://api.example.com")
    error_message = "The gateway does not know its domain."
  }
  assert {
    condition     = google_monitoring_notification_channel.email[0].labels.email_address == "ops@example.com"
    error_message = "Alerts are not sent."
  }
}

run "load_balancer" {
  command = plan
  variables {
    public_url = "https://lb.example.com"
  }

  assert {
    condition     = output.url == "https://lb.example.com"
    error_message = "public_url is not taken."
  }
}

run "no_project" {
  command = plan
  variables {
    project = "My Project"
  }
  expect_failures = [var.project]
}

run "latest" {
  command = plan
  variables {
    image_version = "latest"
  }
  expect_failures = [var.image_version]
}

run "domain_with_scheme" {
  command = plan
  variables {
    domain = "https://api.example.com"
  }
  expect_failures = [var.domain]
}

run "processing_units" {
  command = plan
  variables {
    processing_units = 1500
  }
  expect_failures = [var.processing_units]
}
