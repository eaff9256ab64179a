#pragma once

#include "holler/client.hpp"
#include "holler/udp_socket.hpp"

namespace holler {

/// Why a request was not even started.
[[nodiscard]] Error start_error(StartStatus status, const Endpoint& peer, std::size_t payload_bytes_max);

/// Of a request that was answered: all of the reply. The payload is copied, into the memory that is there.
void write_reply(const RequestEvent& event, const Endpoint& local, Reply& reply);
/// How a request ended, in the terms of the public API.
[[nodiscard]] Result<Reply> result_of(const RequestEvent& event, const Endpoint& local);

/// What the error queue says, as the engine wants to hear it.
[[nodiscard]] Unreachability news_of(const SocketError& error, std::uint32_t channel);
/// The same for a send that failed at once.
[[nodiscard]] Unreachability news_of(const Error& error, const Endpoint& peer, std::uint32_t channel,
                                     Bytes datagram);

[[nodiscard]] RequestOptions request_options(const AskOptions& options, std::uint32_t channel);
[[nodiscard]] SocketOptions socket_options(const ClientOptions& options);

/// What to bind a socket to that is to reach `peer`: a wildcard where nobody has chosen.
/// @error invalid_argument: the chosen source is of the other IP version
[[nodiscard]] Result<Endpoint> source_for(const ClientOptions& options, const Endpoint& peer);
/// The same peer; where its address needs an interface and has none, on the client's.
[[nodiscard]] Endpoint on_interface(const ClientOptions& options, const Endpoint& peer);

}  // namespace holler
