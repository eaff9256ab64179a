// The way of one question through the code, with sockets only where it goes through runtime: for callgrind,
// which counts its instructions (bench/budget.py), and for a look at its time.
//
//   hot_paths PATH COUNT     PATH is one of those below; prints nanoseconds for each of COUNT questions

#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "holler/codecs.hpp"
#include "holler/requester.hpp"
#include "holler/responder.hpp"

#include "runtime/ask_loop.hpp"
#include "runtime/serving_loop.hpp"

namespace {

using namespace holler;

constexpr std::size_t kAtOnce = 64;  // questions that travel together
constexpr std::size_t kPayloadBytes = 32;
constexpr std::size_t kRequestBytes = 44 + kPayloadBytes;
constexpr std::size_t kReplyBytes = 36 + kPayloadBytes;
const Endpoint kServer{Address::loopback_v4(), 1060};
const Endpoint kAsker{Address::loopback_v4(), 40'000};
const std::array<std::byte, kPayloadBytes> kPayload{};

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "hot_paths: %s\n", what);
  std::exit(1);
}

/// `wire`: a request and a reply are written and read.
void wire(std::size_t count) {
  const Codec& codec = holler_codec();
  std::array<std::byte, 128> buffer{};
  for (std::size_t i = 1; i <= count; ++i) {
    const RequestStamp request{.conversation = 7,
                               .number = i,
                               .done_below = i,
                               .id = i * 0x9e3779b97f4a7c15U,
                               .time_left = std::chrono::seconds{10},
                               .life = 5,
                               .bundles = true,
                               .cookie = {}};
    const auto asked = codec.encode_request(request, kPayload, buffer);
    const RequestView seen = codec.decode_request(Bytes{buffer}.first(asked.value_or(0)));
    const ReplyStamp reply{.number = seen.number,
                           .id = seen.id,
                           .attempt = seen.attempt,
                           .hold = std::chrono::microseconds{3},
                           .life = 5,
                           .age = std::chrono::seconds{100},
                           .bundles = true,
                           .payload_bytes = kPayloadBytes,
                           .cookie = {}};
    const auto header = codec.encode_reply_header(reply, buffer);
    const ReplyView view = codec.decode_reply(Bytes{buffer}.first(header.value_or(0) + kPayloadBytes));
    if (view.kind != ReplyKind::reply || view.id != request.id) fail("the codec garbles");
  }
}

/// `ask`: a Requester with 1024 outstanding questions starts one, sends it, and takes its answer.
void ask(std::size_t count) {
  SeededRandom random{1};
  Requester requester{holler_codec(), random, {.bundles = true}};
  std::vector<std::byte> requests(65536);
  std::array<std::byte, kReplyBytes> reply{};
  const ReplyStamp stamp{.number = 1,
                         .id = 1,
                         .attempt = 1,
                         .hold = std::chrono::microseconds{3},
                         .life = 5,
                         .age = std::chrono::hours{1},
                         .bundles = true,
                         .payload_bytes = kPayloadBytes,
                         .cookie = {}};
  if (!holler_codec().encode_reply_header(stamp, reply)) fail("no reply");
  Timestamp now{std::chrono::hours{2}};
  Transmit sent;
  const auto start = [&] {
    if (requester.start(now, kServer, kPayload).status != StartStatus::started) fail("not started");
  };
  constexpr std::size_t kOutstanding = 1024;
  std::vector<std::array<std::byte, 16>> names;  // number and ID of what has been sent, the oldest first
  names.reserve(2 * kOutstanding);
  std::size_t oldest = 0;
  for (std::size_t i = 0; i < kOutstanding; ++i) start();
  for (std::size_t done = 0; done < count;) {
    while (requester.poll_transmit(now, requests, sent)) {
      std::memcpy(names.emplace_back().data(), requests.data() + 16, 16);
    }
    now += std::chrono::microseconds{20};
    const std::size_t answered = std::min(kAtOnce, names.size() - oldest);
    if (answered == 0) fail("nothing is under way");
    for (std::size_t i = 0; i < answered; ++i, ++oldest, ++done) {
      std::memcpy(reply.data() + 8, names[oldest].data(), 16);
      if (!requester.handle_datagram(now, {.from = kServer, .bytes = reply}).used) fail("not taken");
      const RequestEvent* event = requester.next_event();
      if (event == nullptr || event->outcome != Outcome::answered) fail("not answered");
      start();
    }
    if (oldest >= kOutstanding) {
      names.erase(names.begin(), names.begin() + static_cast<std::ptrdiff_t>(oldest));
      oldest = 0;
    }
    requester.handle_timeout(now);
  }
}

/// `answer`: a Responder takes a request, is answered at once, and sends the reply.
void answer(std::size_t count) {
  SeededRandom random{1};
  Responder responder{{&holler_codec(), &plain_codec()}, random, {.life = 5, .bundles = true}};
  std::vector<std::byte> requests(kAtOnce * kRequestBytes);
  std::vector<std::byte> buffer(65536);
  Timestamp now{std::chrono::hours{2}};
  std::uint64_t number = 0;
  for (std::size_t done = 0; done < count; done += kAtOnce) {
    for (std::size_t i = 0; i < kAtOnce; ++i) {
      ++number;
      const RequestStamp stamp{.conversation = 7,
                               .number = number,
                               .done_below = number > 1024 ? number - 1024 : 1,
                               .id = number * 0x9e3779b97f4a7c15U,
                               .time_left = std::chrono::seconds{10},
                               .life = 5,
                               .bundles = true,
                               .cookie = {}};
      if (!holler_codec().encode_request(stamp, kPayload, std::span{requests}.subspan(i * kRequestBytes))) {
        fail("no request");
      }
    }
    now += std::chrono::microseconds{20};
    std::size_t used = 0;
    bool more = true;
    ReceiptResult receipt =
        responder.handle_datagram(now, {.from = kAsker, .to = kServer, .bytes = requests});
    while (more) {
      const IncomingRequest* request = responder.take_request();
      if (request == nullptr) fail("not handed out");
      const PromptReply reply =
          responder.reply_at_once(now, request->job, request->payload, std::span{buffer}.subspan(used));
      if (reply.state != PromptReply::State::written) fail("no reply");
      used += reply.bytes;
      more = !receipt.rest.empty();
      if (more) receipt = responder.handle_rest(now);
    }
    responder.handle_timeout(now);
  }
}

template <class T>
T must(Result<T> result) {
  if (!result) fail(result.error().message().c_str());
  return std::move(*result);
}

/// All of both sides, from the question through both loops and the kernel to its answer, in turns of one
/// thread: a datagram to loopback has arrived when it has been sent. The kernel's instructions do not count.
/// @param at_once  questions that are asked together, and share their datagrams
void both_sides(std::size_t count, std::size_t at_once) {
  const ServerOptions served{.answer_plain = false};
  const auto server = must(ServingLoop::create(
      served, served.responder, must(UdpSocket::bind({Address::loopback_v4(), 0}, {.coalesce = true}))));
  UdpSocket socket = must(UdpSocket::bind({Address::loopback_v4(), 0}, {.coalesce = true}));
  const ClientOptions asked{.requester = {.uncontrolled = true}};
  AskLoop loop{asked,
               {.socket_of = [&](std::uint32_t) { return &socket; },
                .local_of = [&](std::uint32_t) { return kAsker; }},
               32};
  std::size_t done = 0;
  const AskLoop::OnEnd on_end = [&](const RequestEvent& event) {
    if (event.outcome != Outcome::answered) fail("not answered");
    ++done;
  };
  const Server::Handler echo = [](const holler::Request& request, ReplyWriter& reply) {
    reply.append(request.payload);
  };
  while (done < count) {
    const std::size_t before = done;
    const Timestamp now = monotonic_now();
    for (std::size_t i = 0; i < at_once; ++i) {
      const RequestOptions patient{.first_wait = std::chrono::minutes{1},
                                   .backoff_max = std::chrono::minutes{1}};
      if (loop.requester().start(now, server->local(), kPayload, patient).status != StartStatus::started) {
        fail("not started");
      }
    }
    if (loop.transmit(now, on_end) != nullptr) fail("no room to ask");
    while (must(server->turn(echo)).found) {
    }
    while (must(loop.receive(0, false, on_end)) > 0) {
    }
    if (done != before + at_once) fail("loopback has lost something");
  }
}

/// `runtime`: many questions in a datagram.
void runtime(std::size_t count) { both_sides(count, kAtOnce); }
/// `single`: one question in a datagram, one after the other.
void single(std::size_t count) { both_sides(count, 1); }

}  // namespace

int main(int words, char** word) {
  const std::map<std::string_view, void (*)(std::size_t)> paths{
      {"wire", wire}, {"ask", ask}, {"answer", answer}, {"runtime", runtime}, {"single", single}};
  const auto path = words == 3 ? paths.find(word[1]) : paths.end();
  if (path == paths.end()) {
    std::fprintf(stderr, "usage: hot_paths wire|ask|answer|runtime|single COUNT\n");
    return 2;
  }
  const std::size_t count = std::stoul(word[2]);
  const auto start = std::chrono::steady_clock::now();
  path->second(count);
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  std::printf("%s: %.1f ns each\n", word[1], took.count() / static_cast<double>(count));
  return 0;
}
