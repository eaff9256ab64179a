// A client that keeps asking, and a server that pretends to be at the end of a bad line.

#include <charconv>
#include <chrono>
#include <memory>
#include <string>

#include "holler/client.hpp"
#include "holler/server.hpp"
#include "holler/system.hpp"

#include "examples/program.hpp"
#include "examples/python_text.hpp"

namespace chapter {
namespace {

int serve(const std::string& host, std::uint16_t port, std::unique_ptr<holler::RandomSource> random) {
  end_on_signals<kDone>();
  const auto local = resolve_ipv4(host, port);
  if (!local) return fail(local.error());
  holler::ServerOptions options{.host = local->address.to_string(), .port = std::to_string(port)};
  options.responder.answer_broadcast = true;  // let the handler see them; it does not answer them
  options.filter = [&](const holler::Incoming& incoming) -> std::optional<holler::DropReason> {
    if (!random->chance(holler::percent(50))) return std::nullopt;
    say("Pretending to drop packet from {}", python_tuple(incoming.from));
    return holler::DropReason::simulated_loss;
  };
  auto server = holler::Server::bind(options);
  if (!server) return fail(server.error());
  say("Listening at {}", python_tuple(server->local_address()));

  const auto served = server->serve([](const holler::Request& request, holler::ReplyWriter& reply) {
    say("The client at {} says {}", python_tuple(request.from), python_repr(request.text()));
    if (request.delivery == holler::Delivery::unicast) {
      reply.print("Your data was {} bytes long", request.payload.size());
    } else {
      reply.ignore();  // one shout, no storm of answers
    }
  });
  return served ? kDone : fail(served.error());
}

int ask(const std::string& host, std::uint16_t port) {
  end_on_signals<kInterrupted>();
  const auto server = resolve_ipv4(host, port);
  if (!server) return fail(server.error());

  holler::ClientOptions options{.codec = &holler::plain_codec()};
  options.tracer = [](const holler::TraceEvent& event) {
    if (event.kind != holler::TraceEvent::Kind::sent) return;
    if (event.attempt == 1) say("Client socket name is {}", python_tuple(event.local));
    say("Waiting up to {} seconds for a reply",
        python_float(std::chrono::duration<double>{event.wait}.count()));
  };
  auto client = holler::Client::open(options);
  if (!client) return fail(client.error());

  // The chapter's schedule: 0.1 s, doubled four times, to the letter. Leave these options out and the
  // client learns the peer's round-trip time, and adds the jitter that keeps many of them out of step.
  const auto reply = client->ask(
      *server, holler::bytes_of("This is another message"),
      {.first_wait = std::chrono::milliseconds{100}, .attempts_max = 5, .jitter = holler::percent(0)});
  if (!reply && reply.error().code == holler::ErrorCode::no_answer) {
    std::fputs("RuntimeError: I think the server is down\n", stderr);
    return kNoAnswer;
  }
  if (!reply) return fail(reply.error());
  say("The server says {}", python_repr(reply->text()));
  return kDone;
}

}  // namespace
}  // namespace chapter

int main(int count, char** values) {
  const chapter::Usage usage{
      .program = "udp_remote",
      .description = "Send and receive UDP, pretending packets are often dropped",
      .role = true,
      .host = "interface the server listens at; host the client sends to",
      .option = "--seed N",
      .option_help = "server: drop the same packets in every run with the same number"};
  const auto arguments = chapter::read_arguments(usage, count, values);
  std::unique_ptr<holler::RandomSource> random = std::make_unique<holler::SystemRandom>();
  if (arguments.option) {
    const std::string& text = *arguments.option;
    std::uint64_t seed = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), seed);
    if (problem != std::errc{} || end != text.data() + text.size()) {
      chapter::usage_error(usage, holler::format("argument --seed: invalid value: '{}'", text));
    }
    random = std::make_unique<holler::SeededRandom>(seed);
  }
  return arguments.server ? chapter::serve(arguments.host, arguments.port, std::move(random))
                          : chapter::ask(arguments.host, arguments.port);
}
