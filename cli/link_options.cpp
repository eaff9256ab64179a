#include "cli/link_options.hpp"

#include "cli/options.hpp"

namespace holler::cli {

void LinkChoices::apply(LinkSettings& link) const {
  link.delay = delay.value_or(link.delay);
  link.jitter = jitter.value_or(link.jitter);
  link.loss = loss.value_or(link.loss);
  link.burst = burst.value_or(link.burst);
  link.corruption = corruption.value_or(link.corruption);
  link.rate = rate.value_or(link.rate);
  link.queue_datagrams_max = queue.value_or(link.queue_datagrams_max);
  link.mtu_bytes = mtu.value_or(link.mtu_bytes);
  if (duplication) {
    link.duplication = duplication->share;
    link.duplication_delay = duplication->time;
  }
  if (reordering) {
    link.reordering = reordering->share;
    link.reordering_delay = reordering->time;
  }
}

namespace {

/// An option that may be repeated, and adds each of its values to `into`.
template <class Value>
CLI::Option* add_timed(CLI::App& command, const std::string& name, std::vector<Value>& into,
                       Parsed<Value> (*parse)(std::string_view), const char* help, const char* type) {
  const auto read = [&into, name, parse](const std::vector<std::string>& texts) {
    for (const std::string& text : texts) {
      const auto value = parse(text);
      if (!value) throw CLI::ValidationError{name, value.error()};
      into.push_back(*value);
    }
  };
  return command.add_option_function<std::vector<std::string>>(name, read, help)
      ->type_name(type)
      ->allow_extra_args(false);
}

}  // namespace

std::vector<CLI::Option*> add_link_options(CLI::App& command, const std::string& which, LinkChoices& choices,
                                           bool real) {
  std::vector<CLI::Option*> options;
  const auto add = [&](const char* name, auto& into, auto parse, const char* help, const char* type) {
    options.push_back(add_value(command, "--" + which + name, into, parse, help, type));
  };
  add("loss", choices.loss, parse_ratio, "Lose this share of the datagrams, such as 20%", "SHARE");
  add("burst-loss", choices.burst, parse_burst,
      "Lose them in bursts (Gilbert-Elliott): with each datagram, one begins with this probability and ends "
      "with that; mean length 1/END. In between, --loss holds",
      "BEGIN,END");
  add("delay", choices.delay, parse_duration, "Deliver each datagram so much later", "DURATION");
  add("jitter", choices.jitter, parse_duration, "And up to so much more, at random", "DURATION");
  add("duplicate", choices.duplication, parse_duplication,
      "Deliver this share twice, the second time so much later (at once)", "SHARE[,DURATION]");
  add("reorder", choices.reordering, parse_reordering,
      "Hold this share back for so long (20ms), so that later ones overtake", "SHARE[,DURATION]");
  if (real) add("corrupt", choices.corruption, parse_ratio, "Alter bytes of this share; see below", "SHARE");
  add("rate", choices.rate, parse_rate, "Bits in a second, such as 2mbit", "RATE");
  add("queue", choices.queue, parse_queue, "Datagrams that may wait for the rate (1000); more are lost", "N");
  if (real) {
    add("mtu", choices.mtu, parse_mtu, "Lose packets of more bytes than this, with headers", "BYTES");
  }
  options.push_back(add_timed(command, "--" + which + "outage", choices.outages, parse_outage,
                              "Lose everything for so long, from that time on, as in 5s@20s; may be repeated",
                              "LENGTH@START"));
  if (real) {
    options.push_back(add_timed(command, "--" + which + "delay-step", choices.delay_steps, parse_delay_step,
                                "From that time on, have this --delay, as in 200ms@20s; may be repeated",
                                "DURATION@START"));
  }
  return options;
}

}  // namespace holler::cli
