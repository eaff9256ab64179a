#include "cli/sim_settings.hpp"

#include <algorithm>
#include <array>

#include "holler/format.hpp"

namespace holler::cli {
namespace {

using sim::CrowdOptions;
using namespace std::chrono_literals;

constexpr std::uint32_t kUsualLoadPercent = 85;
constexpr std::uint32_t kSecondsBetweenQuestions = 20;
constexpr std::uint32_t kOutageSeconds = 75;

struct Preset {
  std::string_view name;
  std::string_view text;
  LinkSettings way;
};

const std::array<Preset, 6>& presets() {
  static const std::array<Preset, 6> kPresets{{
      {"lan", "0.1 ms each way, 50 us of jitter, no loss", {.delay = 100us, .jitter = 50us}},
      {"wifi",
       "2 ms and up to 8 ms of jitter each way; bursts of 2 datagrams lost (0.5 %), 1 % held back 5 ms",
       {.delay = 2ms,
        .jitter = 8ms,
        .burst = {.begin = {1, 400}, .end = percent(50)},
        .reordering = percent(1),
        .reordering_delay = 5ms}},
      {"lte",
       "25 ms and up to 20 ms of jitter each way, 0.5 % loss",
       {.delay = 25ms, .jitter = 20ms, .loss = {1, 200}}},
      {"satellite",
       "270 ms (geostationary) and up to 20 ms of jitter each way, 1 % loss",
       {.delay = 270ms, .jitter = 20ms, .loss = percent(1)}},
      {"lossy",
       "40 ms and up to 10 ms of jitter each way, 20 % loss, 1 % doubled, 2 % held back 20 ms",
       {.delay = 40ms,
        .jitter = 10ms,
        .loss = percent(20),
        .duplication = percent(1),
        .reordering = percent(2),
        .reordering_delay = 20ms}},
      {"outage",
       "each client asks every 20 s, which is 85 % of what the server can do; nothing passes from 20 s to "
       "30 s, of 75 s; 20 ms and up to 4 ms of jitter each way, deadline 30 s",
       {.delay = 20ms, .jitter = 4ms}},
  }};
  return kPresets;
}

void apply_preset(const Preset& preset, const SimSettings& settings, CrowdOptions& options) {
  options.up = options.down = preset.way;
  if (preset.name != "outage") return;
  options.clients = settings.clients.value_or(20'000);
  options.arrivals_per_second =
      settings.arrival.value_or(std::max(1U, options.clients / kSecondsBetweenQuestions));
  options.server_rate =
      static_cast<std::uint32_t>(std::uint64_t{options.arrivals_per_second} * 100 / kUsualLoadPercent);
  options.server_rate = std::max(1U, settings.server_rate.value_or(options.server_rate));
  // As many as the server answers in 85 ms, and no more than a real buffer holds.
  options.server_buffer = std::clamp<std::size_t>(options.server_rate * std::size_t{85} / 1000, 64, 5000);
  options.requests = std::uint64_t{options.arrivals_per_second} * kOutageSeconds;
  options.deadline = 30s;
  options.outages = {{.start = 20s, .length = 10s}};
}

std::optional<std::string> objection(const SimSettings& settings, const CrowdOptions& options) {
  if (options.clients > sim::kCrowdClientsMax)
    return format("--clients: {} at most, and each takes some 2.5 KB", sim::kCrowdClientsMax);
  if (options.request_bytes > 65'000) return "--size: 65000 bytes at most fit a datagram with its header";
  if (settings.way.queue && !settings.way.rate)
    return "a queue is what waits for a rate: --queue needs --rate";
  if (settings.server_buffer && options.server_rate == 0)
    return "what waits in a buffer waits for a server that takes its time: --server-buffer needs "
           "--server-rate";
  return std::nullopt;
}

}  // namespace

std::string sim_preset_table() {
  std::string text = "Presets (other options given with one replace its values):\n";
  for (const Preset& preset : presets()) {
    text += format("  {}{}{}\n", preset.name, std::string(11 - preset.name.size(), ' '), preset.text);
  }
  return text;
}

std::vector<std::string> sim_preset_names() {
  std::vector<std::string> names;
  for (const Preset& preset : presets()) names.emplace_back(preset.name);
  return names;
}

Parsed<CrowdOptions> crowd_options(const SimSettings& settings) {
  CrowdOptions options;
  for (const Preset& preset : presets()) {
    if (preset.name == settings.preset) apply_preset(preset, settings, options);
  }
  options.seed = settings.seed;
  options.clients = settings.clients.value_or(options.clients);
  options.requests = settings.requests ? *settings.requests : options.requests;
  options.arrivals_per_second = settings.arrival.value_or(options.arrivals_per_second);
  options.think = settings.think.value_or(options.think);
  options.deadline = settings.deadline.value_or(options.deadline);
  options.request_bytes = options.reply_bytes = settings.size.value_or(32);
  options.server_rate = settings.server_rate.value_or(options.server_rate);
  options.server_buffer = settings.server_buffer.value_or(static_cast<std::uint32_t>(options.server_buffer));
  options.interval = settings.interval;
  settings.way.apply(options.up);
  settings.way.apply(options.down);
  if (!settings.way.outages.empty()) options.outages.clear();
  for (const Outage& outage : settings.way.outages) options.outages.push_back({outage.start, outage.length});
  if (auto wrong = objection(settings, options)) return std::unexpected{std::move(*wrong)};
  return options;
}

std::vector<sim::Asker> sim_askers(const SimSettings& settings) {
  using sim::Asker;
  if (!settings.compare.empty()) return {Asker::holler, Asker::fixed, Asker::doubling};
  for (const Asker asker : {Asker::fixed, Asker::doubling}) {
    if (settings.asker == sim::name_of(asker)) return {asker};
  }
  return {Asker::holler};
}

}  // namespace holler::cli
