"""What `mqcanary config init` writes: short, and everything in it can be left as it is."""

from typing import Final

SAMPLE: Final = """\
# mqcanary: what to watch, and by which limits. Check it with: mqcanary config check mqcanary.yaml
# Durations are written 30s, 15m, 2h or 7d. Secrets are ${NAME} of the environment, or {file: path}.

kafka:
  - name: local                 # leave out: the cluster's own id
    bootstrap: [127.0.0.1:9092]
    # properties: client.properties     # how your Java clients get in; or:
    # security:
    #   protocol: SASL_SSL
    #   mechanism: SCRAM-SHA-512
    #   username: mqcanary
    #   password: ${KAFKA_PASSWORD}
    #   ca: ca.pem
    # topics: {exclude: ["tmp-*"]}
    # groups: {exclude: ["console-consumer-*"]}
    # sample: {topics: [orders, "pay-*"], budget: 1MB}    # read some records: needs READ; keys are kept as hashes, bodies never

# sqs:
#   - region: us-east-1         # credentials as the AWS command line finds them
#     name: production
#     prefix: orders-           # or queues: [orders, orders-dlq], or tags: {team: payments}
#     read_tags: true           # the queues' tags mqcanary:ignore and owner count: needs tag:GetResources
#     role_arn: arn:aws:iam::123456789012:role/mqcanary

# Later entries win, key by key; resources are globs of addresses. What is in force where, and why:
#   mqcanary checks explain kafka/group-lagging kafka://local/groups/nightly-batch --config mqcanary.yaml
limits:
  - checks: kafka/group-lagging
    resources: kafka://*/groups/nightly-*
    slo: 2h

# ignore:                       # counted and listed, but neither failing nor alerting; back after `until`
#   - {checks: kafka/dlq-missing, resources: "kafka://*/groups/batch-*", reason: "replayed by hand", until: 2027-01-31}

audit:
  fail_on: warning              # info, warning, critical or never

# From here on for `mqcanary run` alone.
every: 30s
# mode: observe                 # deliver nothing, log what would have been told
# state: /var/lib/mqcanary      # alerts, silences, messages under way; one directory for each agent
listen:
  address: 127.0.0.1:9188       # /metrics, /healthz, /readyz and a status page
  # partitions: lagging         # series of single partitions: off, lagging or all
# api:                          # for `mqcanary silence --url` from elsewhere; not there unless written
#   address: 127.0.0.1:9189
#   operate_token: {file: /run/secrets/mqcanary-operate}   # or read_token, for those who may only look
# slack:
#   token: {file: /run/secrets/slack-token}   # a bot token with chat:write; the bot is in the channels below
# route:                        # the first route below that matches wins; what it leaves open, the one above says
#   to: "slack:#messaging"
#   repeat: {critical: 4h, warning: 1d}
#   group_by: target            # or resource, check, owner: told together; off
#   routes:
#     - {owner: payments, to: "slack:#payments"}
#     - {severity: critical, to: ["slack:#on-call", "slack:#messaging"]}
# owners:                       # later wins; a queue's tag "owner" (read_tags) counts where nothing here matches
#   - {resources: "kafka://*/groups/pay-*", owner: payments}
# digest: {at: "09:00", timezone: Europe/Berlin}   # configuration findings: what is new, what was fixed
# heartbeat: {url: {file: /run/secrets/heartbeat-url}, every: 1m}   # called while judging and telling both get on
"""
