import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.AbstractMongoBackend;
import de.bwaldvogel.mongo.backend.h2.H2Backend;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/**
 * A mongo-java-server, for the tests of the MongoDB store. Its unique indexes and conditional
 * updates are atomic, so races may be shown on it; it knows no sessions.
 *
 * Usage: {@code Server [FILE [PORT]]}. Keeps everything in memory, or in FILE. Listens on
 * 127.0.0.1, prints its address as its first line, and ends when its standard input does.
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
        AbstractMongoBackend backend =
                arguments.length > 0 ? new H2Backend(arguments[0]) : new MemoryBackend();
        int port = arguments.length > 1 ? Integer.parseInt(arguments[1]) : 0;
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
