import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/**
 * A mongo-java-server, for the tests of the MongoDB store. Its unique indexes and conditional
 * updates are atomic, so races may be shown on it; it knows no sessions. It keeps everything in
 * memory: its file backend loses what it acknowledged in the last second before it is killed, so
 * nothing could be shown on that.
 *
 * Usage: {@code Server [PORT]}. Listens on 127.0.0.1, prints its address as its first line, and
 * ends when its standard input does.
 */
public final class Server {
    /** What MongoDB 5.0 answers; the newest version this server names itself is too old for the driver. */
    private static final MongoVersion VERSION =
            new MongoVersion() {
                @Override
                public List<Integer> getVersionArray() {
                    return List.of(5, 0, 0);
                }

                @Override
                public int getWireVersion() {
                    return 13;
                }
            };

    public static void main(String[] arguments) throws Exception {
        MemoryBackend backend = new MemoryBackend();
        int port = arguments.length > 0 ? Integer.parseInt(arguments[0]) : 0;
        backend.version(VERSION);
        MongoServer server = new MongoServer(backend);
        server.bind("127.0.0.1", port);
        System.out.println("127.0.0.1:" + server.getLocalAddress().getPort());
        while (System.in.read() >= 0) {
            // Nobody has anything to say to it but to end.
        }
        server.shutdown();
    }
}
